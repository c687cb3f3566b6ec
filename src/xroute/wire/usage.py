"""What a call used, in tokens."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer. The parts are contained in the whole, as OpenAI counts them."""

    input: int = 0
    output: int = 0
    cached: int = 0  # part of input: read from the provider's cache
    cache_write: int = 0  # part of input: written to the provider's cache
    reasoning: int = 0  # part of output
    audio_in: int = 0  # part of input
    audio_out: int = 0  # part of output
    image_in: int = 0  # part of input
    image_out: int = 0  # part of output
    estimated: bool = False  # counted by us, as the provider said nothing
