"""The dialect of OpenAI's Responses API. Pure functions."""

from xroute.dialects.openai_responses.decode import decode
from xroute.dialects.openai_responses.encode import UNSUPPORTED, encode
from xroute.dialects.openai_responses.fault import error_of
from xroute.dialects.openai_responses.parse import parse
from xroute.dialects.openai_responses.stream import Decoder
from xroute.dialects.openai_responses.surface import refuse

PATHS = {"chat": "/responses", "count_tokens": "/responses/input_tokens"}

__all__ = ["PATHS", "UNSUPPORTED", "Decoder", "decode", "encode", "error_of", "parse", "refuse"]
