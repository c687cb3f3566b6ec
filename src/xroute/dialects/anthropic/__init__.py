"""Anthropic's Messages, of Anthropic itself and of all who serve its format. Pure functions."""

from xroute.dialects.anthropic.decode import decode
from xroute.dialects.anthropic.fault import error_of
from xroute.dialects.anthropic.stream import Decoder

PATHS = {"chat": "/messages", "count_tokens": "/messages/count_tokens"}

__all__ = ["PATHS", "Decoder", "decode", "error_of"]
