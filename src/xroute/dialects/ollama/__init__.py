"""The dialect of Ollama's own API, where a request can say how large its context is. Pure functions.

Ollama's endpoint in OpenAI's form takes no `num_ctx`, so a long prompt is cut there without a word:
https://docs.ollama.com/api/openai-compatibility#setting-the-context-size, read 2026-11-21.
"""

from xroute.dialects.answer import Answer, Chunk, ErrorBody, ErrorInfo, Malformed
from xroute.dialects.ollama.decode import decode
from xroute.dialects.ollama.encode import UNSUPPORTED, encode
from xroute.dialects.ollama.stream import Decoder
from xroute.dialects.openai.fault import error_of

PATHS = {"chat": "/api/chat"}

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
