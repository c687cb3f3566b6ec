"""The ElevenLabs dialect: speech and transcriptions. Pure functions.

https://elevenlabs.io/docs/api-reference, read 2026-11-21.
"""

from xroute.dialects.elevenlabs.fault import error_of

PATHS: dict[str, str] = {}
UNSUPPORTED: frozenset[str] = frozenset()

__all__ = ["PATHS", "UNSUPPORTED", "error_of"]
