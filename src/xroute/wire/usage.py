"""What a call used, in tokens."""

from dataclasses import dataclass


@dataclass(slots=True)
class Usage:
    """Tokens of one answer. The parts are contained in the whole, as OpenAI counts them.

    Nobody changes one; it is not frozen because two are made for each call, and that takes thrice the time.
    """

    input: int = 0
    output: int = 0
    cached: int = 0  # part of input: read from the provider's cache
    cache_write: int = 0  # part of input: written to the provider's cache
    cache_write_1h: int = 0  # part of cache_write: kept for an hour, which is dearer
    reasoning: int = 0  # part of output
    audio_in: int = 0  # part of input
    audio_out: int = 0  # part of output
    image_in: int = 0  # part of input
    image_out: int = 0  # part of output
    searches: int = 0  # web searches that the provider made, which are no tokens
    estimated: bool = False  # counted by us, as the provider said nothing
