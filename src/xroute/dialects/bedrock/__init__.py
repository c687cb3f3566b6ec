"""The Bedrock dialect: Amazon's Converse and ConverseStream. Pure functions."""

from xroute.dialects.answer import Answer, Chunk, ErrorBody, ErrorInfo, Malformed
from xroute.dialects.bedrock import count_tokens
from xroute.dialects.bedrock.decode import decode
from xroute.dialects.bedrock.encode import UNSUPPORTED, encode
from xroute.dialects.bedrock.fault import error_of
from xroute.dialects.bedrock.stream import Decoder
from xroute.dialects.bedrock.tools import by_tool

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html,
# read 2026-11-21
PATHS = {
    "chat": "/model/{model}/converse",
    "chat_stream": "/model/{model}/converse-stream",
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
