"""The Deepgram dialect: transcriptions and speech. Pure functions.

https://developers.deepgram.com/reference/deepgram-api-overview, read 2026-11-21.
"""

from xroute.dialects.deepgram.fault import error_of

PATHS: dict[str, str] = {}
UNSUPPORTED: frozenset[str] = frozenset()

__all__ = ["PATHS", "UNSUPPORTED", "error_of"]
