"""The old completions API, on the clients' side: a prompt in, text out. Pure functions.

https://platform.openai.com/docs/api-reference/completions, read 2026-11-21. A prompt goes as a user's message
to models that chat. A provider with a completions endpoint (`paths.completions` in its file) gets the
client's own request there, and its answer passes as it is: `native`.
"""

from xroute.dialects.completions.parse import parse
from xroute.dialects.openai.surface import refuse

__all__ = ["parse", "refuse"]
