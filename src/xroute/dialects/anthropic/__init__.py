"""Anthropic's Messages, of Anthropic itself and of all who serve its format. Pure functions."""

from xroute.dialects.anthropic.decode import decode
from xroute.dialects.anthropic.encode import UNSUPPORTED, encode
from xroute.dialects.anthropic.fault import error_of
from xroute.dialects.anthropic.parse import parse
from xroute.dialects.anthropic.stream import Decoder
from xroute.dialects.anthropic.tools import by_tool

PATHS = {"chat": "/messages", "count_tokens": "/messages/count_tokens"}

__all__ = ["PATHS", "UNSUPPORTED", "Decoder", "by_tool", "decode", "encode", "error_of", "parse"]
