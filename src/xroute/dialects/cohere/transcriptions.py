"""Audio to text, in OpenAI's form.

https://docs.cohere.com/reference/create-audio-transcription, read 2026-11-21.
"""

from xroute.dialects.openai.transcriptions import PATH, decode, encode

__all__ = ["PATH", "decode", "encode"]
