"""The OpenAI dialect: chat completions as nearly every provider speaks them. Pure functions."""

from xroute.dialects.answer import Answer, Chunk, ErrorBody, ErrorInfo, Malformed
from xroute.dialects.openai.decode import decode
from xroute.dialects.openai.encode import encode
from xroute.dialects.openai.fault import error_of
from xroute.dialects.openai.parse import parse
from xroute.dialects.openai.stream import Decoder
from xroute.dialects.openai.surface import refuse
from xroute.dialects.openai.tokens import usage_of

PATHS = {"chat": "/chat/completions"}
UNSUPPORTED: frozenset[str] = frozenset()

__all__ = [
    "PATHS",
    "UNSUPPORTED",
    "Answer",
    "Chunk",
    "Decoder",
    "ErrorBody",
    "ErrorInfo",
    "Malformed",
    "decode",
    "encode",
    "error_of",
    "parse",
    "refuse",
    "usage_of",
]
