"""The end of a call: what it used and cost, told exactly once, however it ended."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from xroute.dialects.answer import Answer
from xroute.dialects.openai.message import substance
from xroute.money.price import Price
from xroute.routing.deployment import Deployment
from xroute.routing.plan import Ratios
from xroute.wire.call import Call
from xroute.wire.usage import Usage

Outcome = Literal["completed", "failed", "refused", "client_gone", "upstream_cut", "timed_out"]

# What is not billed by tokens where the provider counts none, but by the image, the second or the character.
MEDIA = frozenset({"images", "image_edits", "speech", "transcriptions", "translations"})
CHARACTERS_PER_TOKEN = 4  # of output, where the provider does not count


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of one call."""

    outcome: Outcome
    model: str  # what answered, or what was asked for when nobody did
    provider: str  # "" when nobody answered
    stream: bool
    attempts: int
    usage: Usage | None  # None: nothing was generated
    cost_nano: int | None  # None: the price is not known
    duration_s: float
    ttft_s: float | None
    error_type: str = ""


Recorder = Callable[[Settlement], None]


def cost_of(price: Price | None, usage: Usage | None) -> int | None:
    """Nano-dollars; nothing generated costs nothing, an unknown price stays unknown."""
    if usage is None:
        return 0
    return price.cost(usage) if price else None


def characters(answer: Answer) -> int:
    """Characters of a whole answer, to estimate its tokens by.

    A refusal is not among them: where a provider counts no tokens of one, it may be the filter's own words.
    """
    if answer.raw and "choices" not in answer.body:
        return len(answer.raw) if answer.media == "application/json" else 0
    messages = [choice["message"] for choice in answer.body.get("choices", ())]
    return sum(substance(said)[1] - len(said.get("refusal") or "") for said in messages)


def final_usage(call: Call, deployment: Deployment, ratios: Ratios, given: Usage | None, said: int) -> Usage:
    """The provider's figure if there is one, which also corrects our estimates; else an estimate, marked.

    Zeros beside `said` characters of an answer are no figure: some providers send them where they do not
    count, or before they have.
    """
    if given is not None and given.output and given.input:
        if not call.is_heavy:  # images and audio are tokens that are no text
            ratios.learn(deployment.family, call.text_bytes, given.input)
        return given
    if given is not None and not said:
        return given
    output = -(-said // CHARACTERS_PER_TOKEN)
    if call.max_tokens:
        output = min(output, call.max_tokens * call.choices)
    guess = max(1, ratios.tokens(deployment.family, call.text_bytes))
    if given is None:
        return Usage(input=guess, output=output, estimated=True)
    return replace(given, input=given.input or guess, output=given.output or output, estimated=True)
