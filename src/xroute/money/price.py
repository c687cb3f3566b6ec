"""The price of a deployment, and what a usage costs at it."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from xroute.wire.usage import Usage

PER_MILLION = 1_000_000
HALF = PER_MILLION // 2
Ceiling = tuple[int, int]  # the dearest rates that tokens in and out may have


@dataclass(frozen=True, slots=True)
class Rates:
    """Nano-dollars per million tokens; None = the provider has no rate of its own for these tokens."""

    input: int = 0
    output: int = 0
    cached_input: int | None = None  # None: billed as input
    cache_write: int | None = None  # None: billed as input
    cache_write_1h: int | None = None  # None: billed as cache_write
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
    search: int = 0  # for each web search
    source: str = ""
    id: str = field(default="", compare=False)  # of its content: two prices that say the same have one
    _ceilings: tuple[Ceiling, Ceiling] | None = field(
        default=None, compare=False, repr=False
    )  # without tiers

    def __post_init__(self) -> None:
        text = json.dumps(self.data(), sort_keys=True)
        object.__setattr__(self, "id", f"price_{hashlib.sha256(text.encode()).hexdigest()[:24]}")
        if not self.tiers:
            object.__setattr__(self, "_ceilings", (_of_text(self.base), _of_any(self.base)))

    def data(self) -> dict[str, Any]:
        """The price as JSON, nano-dollars per million tokens: what a settled call is kept with."""
        plain = asdict(self)
        del plain["id"], plain["_ceilings"]
        return plain

    def of_text(self, input_tokens: int) -> Ceiling:
        """The ceiling of a call with so much input, in and out of which there is text alone."""
        return self._ceilings[0] if self._ceilings else _of_text(self.rates(input_tokens))

    def of_any(self, input_tokens: int) -> Ceiling:
        """The ceiling of a call with so much input of whatever kind."""
        return self._ceilings[1] if self._ceilings else _of_any(self.rates(input_tokens))

    def most(self, input_tokens: int, output_tokens: int, ceiling: Ceiling) -> int:
        """Nano-dollars that so many tokens cost at the very most."""
        total = input_tokens * ceiling[0] + output_tokens * ceiling[1]
        return -(-total // PER_MILLION) + self.request

    def room(self, input_tokens: int, nano: int, ceiling: Ceiling) -> int:
        """Tokens of output that so much money certainly buys beside the input; 0 where it buys none."""
        dearest_in, dearest_out = ceiling
        left = (nano - self.request) * PER_MILLION - input_tokens * dearest_in
        return max(0, left // dearest_out) if dearest_out else 0

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
        special = usage.cached or usage.cache_write or usage.reasoning or usage.searches
        if not (special or usage.audio_in or usage.audio_out or usage.image_in or usage.image_out):
            return self.plain(usage.input, usage.output)
        rates = self.rates(usage.input)
        fresh = max(0, usage.input - usage.cached - usage.cache_write)
        hour = min(usage.cache_write_1h, usage.cache_write)
        heard, seen = _special(fresh, usage.audio_in, rates.audio_in, usage.image_in, rates.image_in)
        said = max(0, usage.output - usage.reasoning)
        spoken, drawn = _special(said, usage.audio_out, rates.audio_out, usage.image_out, rates.image_out)
        total = (
            (fresh - heard - seen) * rates.input
            + usage.cached * _or(rates.cached_input, rates.input)
            + (usage.cache_write - hour) * _or(rates.cache_write, rates.input)
            + hour * _or(rates.cache_write_1h, _or(rates.cache_write, rates.input))
            + heard * _or(rates.audio_in, rates.input)
            + seen * _or(rates.image_in, rates.input)
            + (said - spoken - drawn) * rates.output
            + usage.reasoning * _or(rates.reasoning, rates.output)
            + spoken * _or(rates.audio_out, rates.output)
            + drawn * _or(rates.image_out, rates.output)
        )
        return (total + HALF) // PER_MILLION + self.request + usage.searches * self.search

    def plain(self, input_tokens: int, output_tokens: int) -> int:
        """The same where all of it is fresh text in and text out, as most of it is."""
        rates = self.rates(input_tokens) if self.tiers else self.base
        total = input_tokens * rates.input + output_tokens * rates.output
        return (total + HALF) // PER_MILLION + self.request

    def blended(self) -> int:
        """One figure to sort by: three input tokens for each output token, the usual chat mix."""
        return 3 * self.base.input + self.base.output + 4 * self.request


def _of_text(rates: Rates) -> Ceiling:
    inputs = (rates.cached_input, rates.cache_write, rates.cache_write_1h)
    return max(rates.input, *(rate or 0 for rate in inputs)), max(rates.output, rates.reasoning or 0)


def _of_any(rates: Rates) -> Ceiling:
    inner, outer = _of_text(rates)
    return (
        max(inner, rates.audio_in or 0, rates.image_in or 0),
        max(outer, rates.audio_out or 0, rates.image_out or 0),
    )


FREE = Price(Rates(), source="runs on the user's own machine")


def _special(
    tokens: int, audio: int, audio_rate: int | None, images: int, image_rate: int | None
) -> tuple[int, int]:
    """(audio, image) tokens with a rate of their own among `tokens`, which the cache has no part in."""
    heard = min(audio, tokens) if audio_rate is not None else 0
    return heard, min(images, tokens - heard) if image_rate is not None else 0


def _or(rate: int | None, fallback: int) -> int:
    return fallback if rate is None else rate
