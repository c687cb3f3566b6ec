"""Every fault of the simulator, before and after the first content, with and without a healthy provider."""

import socket
from dataclasses import dataclass

import pytest
import pytest_asyncio
from tests.gateway.replies import check_broken, check_complete
from tests.gateway.sims import said
from tests.gateway.stage import provider

from xroute.sim.plan import KINDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKENS = 24  # of every answer
# Timeouts of those that hang.
SHORT = {"first_byte": 0.25, "first_token": 0.25, "between_chunks": 0.25}
SILENT = {"between_chunks": 2.0}  # content comes sooner, however slow the machine
MODES = {"whole": False, "stream": True}

# What a client is told when nobody answers, by the kind of the failures.
TOLD = {
    "rate_limit": (429, "rate_limit_exceeded"),
    "overloaded": (503, "provider_overloaded"),
    "timeout": (504, "timeout"),
    "connect": (502, "provider_unavailable"),
    "credentials": (502, "provider_unavailable"),
    "payment": (502, "provider_unavailable"),
    "not_found": (502, "provider_unavailable"),
    "malformed": (502, "provider_unavailable"),
    "cut": (502, "provider_unavailable"),
    "server": (502, "provider_unavailable"),
}
NOT_AGAIN = ("credentials", "payment", "not_found")  # a second attempt there would be in vain

# A fault that another provider makes good: as the simulator is told, and its kind without and with a stream.
# `after=1` lets a stream get as far as its first event, which holds the role and no content.
UNSEEN = {
    "status_401": ("credentials", "credentials"),
    "status_402": ("payment", "payment"),
    "status_403": ("credentials", "credentials"),
    "status_404": ("not_found", "not_found"),
    "status_408": ("timeout", "timeout"),
    "status_409": ("server", "server"),
    "status_429&retry_after=0.05": ("rate_limit", "rate_limit"),
    "status_500": ("server", "server"),
    "status_502": ("server", "server"),
    "status_503": ("overloaded", "overloaded"),
    "status_529": ("overloaded", "overloaded"),
    "insufficient_quota": ("payment", "payment"),
    "refuse": ("connect", "connect"),
    "hang_before_headers": ("timeout", "timeout"),
    "hang_mid_stream&after=1": ("timeout", "timeout"),
    "cut_mid_stream&after=1": ("cut", "cut"),
    "cut_mid_stream&after=0": ("cut", "cut"),
    "reset_mid_stream&after=1": ("cut", "cut"),
    "end_mid_stream&after=1": ("malformed", "cut"),
    "error_event&after=1": ("server", "server"),
    "error_event&after=0": ("server", "server"),
    "malformed_json&after=1": ("malformed", "malformed"),
    "malformed_sse&after=1": ("malformed", "cut"),
    "wrong_content_type": ("malformed", "malformed"),
    "empty_200": ("malformed", "malformed"),
    "empty_stream": ("malformed", "malformed"),
}
# The caller's own fault: everybody would say the same.
FINAL = {
    "status_400": (400, "invalid_request", "rejected"),
    "status_413": (413, "payload_too_large", "rejected"),
    "status_422": (422, "unprocessable", "rejected"),
    "content_policy_violation": (400, "content_policy_violation", "content_policy"),
}
# Streams that break after content has reached the client. `tps` parts the first content from what follows:
# what comes in one piece with an error has not been sent yet, and is another provider's to answer.
SEEN = {
    "hang_mid_stream&tps=10": ("timeout", "timeout"),
    "cut_mid_stream&tps=10": ("cut", "provider_unavailable"),
    "cut_mid_stream&after=20&tps=100": ("cut", "provider_unavailable"),
    "reset_mid_stream&tps=10": ("cut", "provider_unavailable"),
    "end_mid_stream&tps=10": ("cut", "provider_unavailable"),
    "error_event&tps=10": ("server", "provider_unavailable"),
    "malformed_json&tps=10": ("malformed", "provider_unavailable"),
    "malformed_sse&tps=10": ("cut", "provider_unavailable"),
}
# No failures at all, only trying.
RIGHT = ("one_byte_chunks", "slow_trickle&pause=0.001&size=50")
HUGE = ("huge_answer&size=300000", "huge_answer&size=2500000")  # the limit is 1 MiB
REFUSED = "refused"  # nobody listens


@dataclass
class Set:
    """One gateway; for each fault and purpose a provider of its own, so that no case sees another's past."""

    stage: object
    sim: object
    good: object

    def said(self, text):
        return said(text, self.good.service.profile)


def model(fault, case):
    return f"{case}/{fault}"


def _sections(sim, good, closed):
    """Providers of one fault each; those of `pair` have the good one behind them."""
    sections, paired = {}, []
    faults = [*UNSEEN, *FINAL, *SEEN, *RIGHT, *HUGE, "context_length_exceeded"]
    for place, fault in enumerate([*dict.fromkeys(faults), REFUSED]):
        url = f"http://127.0.0.1:{closed}/v1" if fault == REFUSED else sim.url
        for case in ("alone-whole", "alone-stream", "pair-whole", "pair-stream"):
            name = model(fault, case)
            timeouts = {"timeouts": SILENT if fault in SEEN else SHORT} if fault.startswith("hang") else {}
            sections[f"bad-{place}-{case}"] = provider(url, (f"u#fault={fault}", name), **timeouts)
            if case.startswith("pair"):
                paired.append(("u", name))
    return sections | {"good": provider(good.url, *paired)}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def cast(lodge):
    sim = await lodge.sim(output_tokens=TOKENS)
    good = await lodge.sim(output_tokens=TOKENS)
    with socket.socket() as closed:  # bound and not listened on, so that nobody else listens there either
        closed.bind(("127.0.0.1", 0))
        stage = await lodge.stage(
            providers=_sections(sim, good, closed.getsockname()[1]),
            routing={"strategy": "order", "max_attempts": 2},
            limits={"answer_mib": 1},
        )
        yield Set(stage, sim, good)


def _modes(table):
    return [pytest.param(fault, mode, id=f"{fault}-{mode}") for fault in table for mode in MODES]


@pytest.mark.parametrize(("fault", "mode"), _modes([*UNSEEN, REFUSED]))
async def test_a_failure_before_content_is_made_good_by_another_provider_unseen(cast, fault, mode):
    reply = await cast.stage.chat(model(fault, f"pair-{mode}"), fault, stream=MODES[mode])
    check_complete(reply, cast.said(fault))
    assert reply.attempts == 2
    assert reply.provider == "good"
    assert reply.headers["x-xroute-model"] == model(fault, f"pair-{mode}")


@pytest.mark.parametrize(("fault", "mode"), _modes([*UNSEEN, REFUSED]))
async def test_a_failure_without_another_provider_is_one_typed_error(cast, fault, mode):
    kind = UNSEEN.get(fault, ("connect", "connect"))[MODES[mode]]
    attempts = 1 if kind in NOT_AGAIN else 2
    reply = await cast.stage.chat(model(fault, f"alone-{mode}"), fault, stream=MODES[mode])
    assert (reply.status, reply.error_type) == TOLD[kind]
    assert reply.kinds == [kind] * attempts
    assert reply.attempts == attempts
    assert reply.error["code"] == kind
    assert reply.error["metadata"]["provider"].endswith(f"alone-{mode}")
    assert ("retry-after" in reply.headers) == (kind == "rate_limit")


@pytest.mark.parametrize("case", ["alone", "pair"])
@pytest.mark.parametrize(("fault", "mode"), _modes(FINAL))
async def test_what_is_the_callers_fault_is_told_at_once(cast, fault, mode, case):
    status, error_type, kind = FINAL[fault]
    asked = cast.good.asked
    reply = await cast.stage.chat(model(fault, f"{case}-{mode}"), stream=MODES[mode])
    assert (reply.status, reply.error_type, reply.kinds) == (status, error_type, [kind])
    assert reply.error["type"] == "invalid_request_error"
    assert "(xroute simulator)" in reply.error["message"]  # the provider's own text
    assert reply.attempts == 1
    assert cast.good.asked == asked


@pytest.mark.parametrize("mode", MODES)
async def test_what_is_too_long_for_one_window_goes_to_a_larger_one(cast, mode):
    fault = "context_length_exceeded"
    reply = await cast.stage.chat(model(fault, f"pair-{mode}"), stream=MODES[mode])
    check_complete(reply, cast.said("Hi"))
    assert (reply.attempts, reply.provider) == (2, "good")


@pytest.mark.parametrize("mode", MODES)
async def test_what_is_too_long_for_every_window_is_the_callers_to_shorten(cast, mode):
    fault = "context_length_exceeded"
    reply = await cast.stage.chat(model(fault, f"alone-{mode}"), stream=MODES[mode])
    assert (reply.status, reply.error_type, reply.attempts) == (400, fault, 1)
    assert (reply.error["code"], reply.error["param"]) == (fault, "messages")


@pytest.mark.parametrize("case", ["alone", "pair"])
@pytest.mark.parametrize("fault", SEEN)
async def test_a_stream_that_breaks_after_content_says_so_and_is_never_repeated(cast, fault, case):
    kind, error_type = SEEN[fault]
    name, asked = model(fault, f"{case}-stream"), cast.good.asked
    reply = await cast.stage.chat(name, fault, stream=True, stream_options={"include_usage": True})
    check_broken(reply, cast.said(fault))
    assert reply.text
    assert (reply.error_type, reply.kinds) == (error_type, [kind])
    assert reply.attempts == 1
    assert reply.provider.startswith("bad-")
    assert cast.good.asked == asked


@pytest.mark.parametrize(("fault", "mode"), _modes(RIGHT))
async def test_an_answer_in_odd_pieces_is_a_right_answer(cast, fault, mode):
    reply = await cast.stage.chat(model(fault, f"pair-{mode}"), fault, stream=MODES[mode])
    check_complete(reply, cast.said(fault))
    assert (reply.attempts, reply.provider.startswith("bad-")) == (1, True)


@pytest.mark.parametrize("mode", MODES)
async def test_a_large_answer_passes_whole(cast, mode):
    reply = await cast.stage.chat(model(HUGE[0], f"alone-{mode}"), stream=MODES[mode])
    assert reply.text.endswith(cast.said("Hi"))
    assert len(reply.raw) > 290_000
    assert reply.finishes == ["stop"]


async def test_an_answer_beyond_the_limit_is_not_kept_in_memory_but_asked_elsewhere(cast):
    reply = await cast.stage.chat(model(HUGE[1], "pair-whole"))
    check_complete(reply, cast.said("Hi"))
    assert (reply.attempts, reply.provider) == (2, "good")
    alone = await cast.stage.chat(model(HUGE[1], "alone-whole"))
    assert (alone.status, alone.kinds) == (502, ["malformed"] * 2)


async def test_a_stream_has_no_limit_as_nothing_of_it_is_kept(cast):
    reply = await cast.stage.chat(model(HUGE[1], "alone-stream"), stream=True)
    assert reply.text.endswith(cast.said("Hi"))
    assert len(reply.raw) > 2_400_000
    assert reply.finishes == ["stop"] and reply.done


async def test_no_fault_of_the_simulator_is_left_out():
    tried = {fault.partition("&")[0] for fault in (*UNSEEN, *FINAL, *SEEN, *RIGHT, *HUGE)}
    assert tried | {"context_length_exceeded"} == set(KINDS)
