"""The dialects that the simulator speaks: where each begins, and what the gateway makes of its faults."""

from typing import Any

from tests.gateway.replies import Reply, check_broken
from tests.gateway.stage import provider
from tests.gateway.test_faults import FINAL, HUGE, MODES, NOT_AGAIN, RIGHT, SEEN, SHORT, SILENT, TOLD, UNSEEN

# dialect -> what stands between the simulator's address and the paths of the dialect
ROOTS = {
    "anthropic": "/v1",
    "gemini": "/v1beta",
    "openai_responses": "/v1",
    "bedrock": "",
    "cohere": "/v2",
    "ollama": "",
}
LONG = "context_length_exceeded"
FAULTS = list(dict.fromkeys([*UNSEEN, *FINAL, *SEEN, *RIGHT, *HUGE, LONG]))

# AWS and Ollama have no word for an account without money: they deny access.
_DENIED = {("bedrock", "insufficient_quota"), ("ollama", "insufficient_quota")}
# Before content these dialects say nothing that the client would see: a stream that ends there is empty.
_EMPTY = ("end_mid_stream&after=1", "malformed_sse&after=1")
# Text that is no event is passed over in server-sent events, and cannot be elsewhere.
_STRICT = ("bedrock", "ollama")


def section(dialect: str, address: str, *models: Any, **more: Any) -> dict[str, Any]:
    """A provider that speaks a dialect; `address` is that of a simulator."""
    return provider(address.removesuffix("/v1") + ROOTS[dialect], *models, dialect=dialect, **more)


def sections(dialect: str, address: str) -> dict[str, Any]:
    """A provider for each fault and mode; its model is `mode/fault`."""
    found = {}
    for place, fault in enumerate(FAULTS):
        for mode in MODES:
            timeouts = {"timeouts": SILENT if fault in SEEN else SHORT} if fault.startswith("hang") else {}
            models = (f"u#fault={fault}", f"{mode}/{fault}")
            found[f"bad-{place}-{mode}"] = section(dialect, address, models, **timeouts)
    return found


def asked(mode: str) -> list[str]:
    """The faults that can be met in a mode."""
    return [fault for fault in FAULTS if MODES[mode] or fault not in SEEN]


def expected(dialect: str, fault: str, mode: str) -> tuple[Any, ...]:
    """What `told` should find."""
    stream = MODES[mode]
    if fault in UNSEEN:
        kind = _kind(dialect, fault, stream)
        return (*TOLD[kind], [kind] * (1 if kind in NOT_AGAIN else 2))
    if fault in FINAL:
        status, error_type, kind = FINAL[fault]
        return status, error_type, [kind]
    if fault == LONG:
        return 400, LONG, ["context_length"]
    if fault in SEEN:
        kind, error_type = SEEN[fault]
        return (
            200,
            error_type,
            ["malformed" if dialect in _STRICT and fault.startswith("malformed") else kind],
        )
    if fault == HUGE[1] and not stream:
        return 502, "provider_unavailable", ["malformed"] * 2
    return 200, "", ["stop"]


def _kind(dialect: str, fault: str, stream: bool) -> str:
    if (dialect, fault) in _DENIED:
        return "credentials"
    return "malformed" if stream and fault in _EMPTY else UNSEEN[fault][stream]


def told(reply: Reply, fault: str, text: str) -> tuple[Any, ...]:
    """(status, error_type, kinds of the failures), or (200, "", finish reasons) for the whole text."""
    if fault in FINAL:
        assert "(xroute simulator)" in reply.error["message"]
    if fault in SEEN:
        check_broken(reply, text)
    if reply.status >= 400 or fault in SEEN:
        return reply.status, reply.error_type, reply.kinds
    assert reply.text.endswith(text) if fault in HUGE else reply.text == text
    assert fault not in HUGE or len(reply.raw) > int(fault.rpartition("=")[2]) * 0.9
    return reply.status, "", reply.finishes
