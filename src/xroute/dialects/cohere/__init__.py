"""The Cohere dialect: version 2 of its chat. Pure functions."""

from xroute.dialects.answer import Answer, Chunk, ErrorBody, ErrorInfo, Malformed
from xroute.dialects.cohere.decode import decode, error_of
from xroute.dialects.cohere.encode import UNSUPPORTED, encode
from xroute.dialects.cohere.stream import Decoder

PATHS = {"chat": "/chat"}

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
]
