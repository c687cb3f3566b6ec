"""The price of a deployment, and what a usage costs at it."""

from dataclasses import dataclass

from xroute.wire.usage import Usage

PER_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Nano-dollars per million tokens; None = the provider has no rate of its own for these tokens."""

    input: int = 0
    output: int = 0
    cached_input: int | None = None  # None: billed as input
    cache_write: int | None = None  # None: billed as input
    reasoning: int | None = None  # None: billed as output
    audio_in: int | None = None  # None: billed as input
    audio_out: int | None = None  # None: billed as output
    image_in: int | None = None  # None: billed as input
    image_out: int | None = None  # None: billed as output


@dataclass(frozen=True, slots=True)
class Price:
    """Rates, those of longer inputs, and a fee per call in nano-dollars.

    Crossing a tier's start applies its rates to all tokens of the call, as the providers bill it
    (genai-prices, TieredPrices; read 2026-11-21).
    """

    base: Rates
    tiers: tuple[tuple[int, Rates], ...] = ()  # (input tokens above which they apply, rates), ascending
    request: int = 0
    source: str = ""

    @property
    def input(self) -> int:
        return self.base.input

    @property
    def output(self) -> int:
        return self.base.output

    def rates(self, input_tokens: int) -> Rates:
        """The rates of a call with so many input tokens."""
        found = self.base
        for start, rates in self.tiers:
            if input_tokens > start:
                found = rates
        return found

    def cost(self, usage: Usage) -> int:
        """Whole nano-dollars for a usage, half up; never less for more tokens of one kind."""
        rates = self.rates(usage.input)
        fresh = max(0, usage.input - usage.cached - usage.cache_write)
        heard, seen = _special(fresh, usage.audio_in, rates.audio_in, usage.image_in, rates.image_in)
        said = max(0, usage.output - usage.reasoning)
        spoken, drawn = _special(said, usage.audio_out, rates.audio_out, usage.image_out, rates.image_out)
        total = (
            (fresh - heard - seen) * rates.input
            + usage.cached * _or(rates.cached_input, rates.input)
            + usage.cache_write * _or(rates.cache_write, rates.input)
            + heard * _or(rates.audio_in, rates.input)
            + seen * _or(rates.image_in, rates.input)
            + (said - spoken - drawn) * rates.output
            + usage.reasoning * _or(rates.reasoning, rates.output)
            + spoken * _or(rates.audio_out, rates.output)
            + drawn * _or(rates.image_out, rates.output)
        )
        return (total + PER_MILLION // 2) // PER_MILLION + self.request

    def blended(self) -> int:
        """One figure to sort by: three input tokens for each output token, the usual chat mix."""
        return 3 * self.base.input + self.base.output + 4 * self.request


FREE = Price(Rates(), source="runs on the user's own machine")


def _special(
    tokens: int, audio: int, audio_rate: int | None, images: int, image_rate: int | None
) -> tuple[int, int]:
    """(audio, image) tokens with a rate of their own among `tokens`, which the cache has no part in."""
    heard = min(audio, tokens) if audio_rate is not None else 0
    return heard, min(images, tokens - heard) if image_rate is not None else 0


def _or(rate: int | None, fallback: int) -> int:
    return fallback if rate is None else rate
