"""The Gemini dialect: generateContent as the Gemini API and Vertex AI speak it. Pure functions."""

from xroute.dialects.answer import Answer, Chunk, ErrorBody, ErrorInfo, Malformed
from xroute.dialects.gemini import count_tokens
from xroute.dialects.gemini.decode import decode
from xroute.dialects.gemini.encode import UNSUPPORTED, encode
from xroute.dialects.gemini.fault import error_of
from xroute.dialects.gemini.stream import Decoder
from xroute.dialects.gemini.tools import by_tool

PATHS = {
    "chat": "/models/{model}:generateContent",
    "chat_stream": "/models/{model}:streamGenerateContent?alt=sse",
    "count_tokens": count_tokens.PATH,
}

__all__ = [
    "PATHS",
    "UNSUPPORTED",
    "Answer",
    "Chunk",
    "Decoder",
    "ErrorBody",
    "ErrorInfo",
    "Malformed",
    "by_tool",
    "decode",
    "encode",
    "error_of",
]
