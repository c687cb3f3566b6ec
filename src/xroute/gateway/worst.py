"""What a call may cost at the very most, and the least that must be known to let it begin."""

from xroute import dialects
from xroute.config.accounts import AccountingSettings
from xroute.dialects.rewrite import limited, with_limit
from xroute.errors import CallError, InvalidRequest, PaymentRequired
from xroute.gateway.fleet import Fleet
from xroute.gateway.settle import MEDIA
from xroute.limits.gate import Amounts
from xroute.money.nano import as_text
from xroute.money.price import Price
from xroute.routing.deployment import Deployment
from xroute.wire.call import Call
from xroute.wire.who import Who

MILLION = 1_000_000
# Of what is no text. An image has a token for about 750 pixels, which as JPEG are some 300 bytes of base64; a
# page of a PDF, the densest, has 3,000 in some 50 kB: https://docs.claude.com/en/docs/build-with-claude/vision
# and .../pdf-support, read 2026-11-21.
HEAVY_BYTES_PER_TOKEN = 20
HEAVY_TOKENS = 4096  # at the least: what stands at an address has no bytes here
# A provider that searches the web takes a fee for each search and counts what it finds as input. How often it
# does is its own choice where the request does not say: ten times is more than nearly all answers take.
# https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool, read 2026-11-21.
SEARCH, SEARCHING = "web_search", "web_search_options"
SEARCHES = 10
SEARCH_TOKENS = 4096
TEMPLATE_TOKENS = 32  # what a chat template adds to a short request
SOUNDS = frozenset({"audio_out", "image_out"})  # abilities whose tokens are no text
GENERATES = frozenset(
    {"chat", "completions", "images", "image_edits", "speech", "transcriptions", "translations"}
)


class Worst:
    """The worst case of a call over the deployments that may take it."""

    def __init__(self, fleet: Fleet, settings: AccountingSettings) -> None:
        self._fleet = fleet
        self._tokens_per_byte = settings.tokens_per_byte
        self._output_tokens = settings.output_tokens  # where nobody says a maximum

    def tokens_in(self, call: Call) -> int:
        """More than any tokenizer makes of the request, as far as `tokens_per_byte` holds."""
        tokens, body = int(call.text_bytes * self._tokens_per_byte) + TEMPLATE_TOKENS, call.body
        if call.is_heavy:
            tokens += max(HEAVY_TOKENS * call.heavy_parts, call.heavy_bytes // HEAVY_BYTES_PER_TOKEN)
        if SEARCHING in body or "tools" in body:
            tokens += SEARCH_TOKENS * searches(call)
        return tokens

    def longest(self, candidates: list[Deployment]) -> int:
        """The output that every candidate can give, as far as it is held for one that says no maximum."""
        least = self._output_tokens
        for deployment in candidates:
            if deployment.output is not None and deployment.output < least:
                least = deployment.output
        return least

    def tokens_out(self, call: Call, deployment: Deployment) -> int:
        """All that it may generate there."""
        if call.operation not in GENERATES:
            return 0
        one, most = call.max_tokens or self._output_tokens, deployment.output
        return (one if most is None or one < most else most) * call.choices

    def of(self, call: Call, deployment: Deployment, who: Who) -> Amounts | None:
        """The worst case there; None where the price is not known."""
        prices = self._prices(call, deployment)
        if not prices:
            return None
        tokens_in, tokens_out = self.tokens_in(call), self.tokens_out(call, deployment)
        if deployment.context is not None and deployment.context < tokens_in:
            tokens_in = deployment.context
        most, fee, is_text = 0, 0, _is_text(call)
        for price in prices:
            ceiling = price.of_text(tokens_in) if is_text else price.of_any(tokens_in)
            most = max(most, price.most(tokens_in, tokens_out, ceiling))
            fee = fee or price.search
        nano = marked_up(most + _fees(prices, call) if fee else most, who)
        return Amounts(1, tokens_in, tokens_out, nano, 0 if deployment.workspace else nano)

    def room(self, call: Call, deployment: Deployment, who: Who, nano: int) -> int:
        """Tokens of output for each choice that so much money buys there."""
        tokens_in = self.tokens_in(call)
        prices, is_text = self._prices(call, deployment), _is_text(call)
        net = nano * MILLION // who.markup_ppm - _fees(prices, call)
        rooms = [
            price.room(tokens_in, net, price.of_text(tokens_in) if is_text else price.of_any(tokens_in))
            for price in prices
        ]
        return min(rooms, default=call.max_tokens * call.choices) // call.choices

    def _prices(self, call: Call, deployment: Deployment) -> tuple[Price, ...]:
        """Those that it may have: a provider need not answer in the tier it is asked for, and then bills its
        usual price."""
        usual, tier = self._fleet.price(deployment), call.body.get("service_tier")
        if tier is None:
            return () if usual is None else (usual,)
        found = (usual, self._fleet.price(deployment, tier))
        return tuple(price for price in found if price is not None)


def searches(call: Call) -> int:
    """How often a provider may search the web for the call, as far as that can be told."""
    found = 0 if call.body.get(SEARCHING) is None else SEARCHES
    for tool in call.body.get("tools") or ():
        if str(tool.get("type")).startswith(SEARCH):
            most = tool.get("max_uses")
            found += most if most.__class__ is int and most > 0 else SEARCHES
    return found


def _fees(prices: tuple[Price, ...], call: Call) -> int:
    """What the searches of a call cost beside its tokens."""
    return max([price.search for price in prices], default=0) * searches(call)


def _is_text(call: Call) -> bool:
    """Images and sounds have rates of their own, which text must not be held for."""
    return not call.is_heavy and call.operation not in MEDIA and call.abilities.isdisjoint(SOUNDS)


def marked_up(nano: int, who: Who) -> int:
    """What the client pays for what the provider bills, half up."""
    return nano if who.markup_ppm == MILLION else (nano * who.markup_ppm + MILLION // 2) // MILLION


def limit(call: Call, tokens: int) -> None:
    """Gives the call a maximum of output, of which its client has said nothing."""
    call.body = {**call.body, "max_tokens": tokens}
    call.max_tokens = tokens
    if call.raw:
        call.raw = with_limit(call.raw, dialects.side(call.surface.dialect, "native").LIMIT, tokens)


def bind(call: Call) -> None:
    """Sees to it that the client's own bytes, where these are sent, say the maximum that was read."""
    if call.raw:
        path = dialects.side(call.surface.dialect, "native").LIMIT
        call.raw = limited(call.raw, path, call.max_tokens)


def unpriced(candidates: list[Deployment], who: Who) -> CallError:
    """No candidate has a known price, and this key's money is counted."""
    first = candidates[0]
    return PaymentRequired(
        f"The price of {first.model} at {first.provider} is not known, and {who.name} has a budget or pays "
        f"by credit. Set it in the config: `prices: {{{first.model}: {{input: ..., output: ...}}}}`, USD per "
        "million tokens.",
        code="price_unknown",
        param="model",
    )


def too_dear(nano: int, most: int, who: Who) -> CallError:
    """The cap of a single call."""
    return InvalidRequest(
        f"This call may cost up to ${as_text(nano)}, and one call of {who.name} may cost "
        f"${as_text(most)} at most. Set a lower max_tokens, or take a cheaper model.",
        code="call_too_expensive",
        param="max_tokens",
    )
