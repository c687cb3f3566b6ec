"""One call from request to settlement: plan, attempts in turn, relay, settle exactly once."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from xroute.dialects.answer import Answer
from xroute.errors import CallError, Timeout
from xroute.gateway.accounts import Accounts, Book
from xroute.gateway.allowed import bar_of
from xroute.gateway.attempt import AttemptFailed, Attempts, Opened
from xroute.gateway.fleet import Fleet, Lineup
from xroute.gateway.relay import closing, drain, failing, pump, with_ours
from xroute.gateway.reply import Reply
from xroute.gateway.run import Run
from xroute.gateway.settle import (
    MEDIA,
    Recorder,
    begin_record,
    characters,
    final_usage,
    finish_of,
)
from xroute.gateway.told import fill
from xroute.gateway.verdict import nobody, resting, verdict
from xroute.limits.gate import Engine
from xroute.limits.memory import Memory
from xroute.money.nano import as_text
from xroute.routing import preferences, retry
from xroute.routing.deployment import Deployment
from xroute.routing.failure import Failure
from xroute.routing.plan import NO_PARAMETERS, Plan, Ratios, plan_call
from xroute.routing.retry import next_turn
from xroute.routing.standing import blame, note_speed, praise
from xroute.upstream.oauth import TokenSigner
from xroute.wire.call import Call
from xroute.wire.http import Transport
from xroute.wire.record import Outcome
from xroute.wire.usage import Usage

log = logging.getLogger("xroute.gateway")

MAX_WAIT_S = 20.0  # the longest pause a call makes for a Retry-After; beyond it the client decides
MAX_LOGGED = 300  # characters of a provider's text
# What a provider says of these is about us, and never holds a prompt.
SAID = retry.BREAKS_CREDENTIAL | {"malformed"}


class Gateway:
    """Answers calls. `transports` are by URL scheme: https, http, and sim for the simulator in process.

    The clock (monotonic seconds), the dice and the sleep are arguments, so that tests can own them.
    """

    def __init__(
        self,
        fleet: Fleet,
        transports: Mapping[str, Transport],
        recorders: Iterable[Recorder] = (),
        *,
        engine: Engine | None = None,
        book: Book | None = None,
        clock: Callable[[], float] = time.monotonic,
        dice: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.fleet = fleet
        self.ratios = Ratios()
        self._attempts = Attempts(transports, fleet.settings.limits.answer_mib * 1024 * 1024, clock)
        self.recorders = list(recorders)
        settings = fleet.settings
        self._strategy: preferences.Strategy = settings.routing.strategy
        self._most = settings.routing.max_attempts
        self._is_strict = not settings.drop_params  # no parameter may get lost
        self.accounts = Accounts(fleet, engine or Memory(), settings.accounting, self.ratios, book)
        for signer in (signer for host in fleet.hosts.values() for signer in host.signers):
            if isinstance(signer, TokenSigner):
                signer.transports = transports
        self._clock = clock
        self._dice = dice
        self._sleep = sleep
        self.streams: set[Run] = set()  # stream calls under way, for the keep-alive comments

    async def serve(self, call: Call, reply: Reply) -> bool:
        """Answers one call through `reply`: True for a complete answer, False for a stream that ended in an
        error; CallError where nothing has been sent yet."""
        run = self._begin(call, reply)
        try:
            await self.accounts.admit(run)
            if call.stream:
                self.streams.add(run)
                await self._stream(run)
            else:
                await self._whole(run)
        except asyncio.CancelledError:
            if run.record.outcome != "completed":  # it may leave while the last bytes are on their way
                run.record.outcome = "client_gone"
            raise
        except CallError as error:
            run.record.outcome = _outcome(error, run)
            run.record.error_type = error.error_type
            if not reply.opened:
                raise
            await reply.write(failing(error, run))
            await reply.end()
        finally:
            if call.stream:
                self.streams.discard(run)
            if not run.is_settled:
                self._settle(run, self._clock())
        return run.record.outcome == "completed"

    def repeated(self, call: Call, reply: Reply) -> None:
        """A call was answered from what an earlier one had got: it is told, and costs nothing."""
        record = begin_record(call, reply.request_id, time.time_ns() // 1_000_000)
        record.outcome, record.model = "cached", call.models[0]
        record.duration_ms = round((self._clock() - reply.started) * 1000)
        self.accounts.note(record)
        for recorder in self.recorders:
            recorder(record)

    async def count(self, call: Call, reply: Reply, write: Callable[[int], bytes]) -> None:
        """The tokens of a request: counted by a provider that speaks the client's dialect, else, and where it
        fails, estimated from what the model's family used for so many bytes before; `write` gives the answer
        for a number."""
        own = call.surface.dialect
        if any(d.dialect == own for d in self._plan(call)[1].candidates):
            try:
                await self.serve(call, reply)
                return
            except CallError as error:
                if error.status < 500:
                    raise
        candidates = self._plan(replace(call, operation="chat"))[1].candidates
        tokens = self.ratios.tokens(candidates[0].family if candidates else "", call.text_bytes)
        headers = [f"x-request-id: {reply.request_id}", "x-xroute-estimated: true"]
        await reply.answer(200, headers, write(max(tokens, 1)))

    def _begin(self, call: Call, reply: Reply) -> Run:
        lineup, plan = self._plan(call)
        if call.operation == "count_tokens":
            plan.candidates = [d for d in plan.candidates if d.dialect == call.surface.dialect]
        if not plan.candidates:
            raise nobody(plan, call.models[0])
        deadline = reply.started + call.timeouts.get("total", lineup.total_s)
        record = begin_record(call, reply.request_id, time.time_ns() // 1_000_000)
        return Run(call, reply, deadline, lineup.timeouts, plan.candidates, record, plan.strict)

    def _plan(self, call: Call) -> tuple[Lineup, Plan]:
        """(what the names stand for, which of it may take the call)."""
        who = call.who
        workspace, bar = ("", None) if who is None else (who.workspace, bar_of(who))
        lineup = self.fleet.lineup_of(call.models, workspace)
        able = lineup.able(call.operation, call.abilities, bar)
        wishes = preferences.NONE if call.provider is None else preferences.parse(call.provider)
        strict = self._is_strict or wishes.require_parameters
        found = plan_call(
            able,
            call.text_bytes if call.window_bytes is None else call.window_bytes,
            call.max_tokens,
            _parameters(call) if strict else NO_PARAMETERS,
            self.ratios,
            self._clock(),
            self._dice,
            lineup.strategy or self._strategy,
            wishes,
            workspace,
        )
        return lineup, found

    async def _whole(self, run: Run) -> None:
        """A call without a stream: attempts in turn until one answers."""
        while True:
            deployment, began = await self._turn(run)
            try:
                answer = await self._attempts.complete(run, deployment)
            except AttemptFailed as error:
                self._failed(run, deployment, error.failure, began)
                continue
            finally:
                now = self._clock()
                run.upstream_s += now - began
                deployment.health.in_flight -= 1
            deployment.health.answer.note(now, now - began)
            praise(deployment, now, began)
            await self._finish(run, answer, deployment)
            return

    def _finish(self, run: Run, answer: Answer, deployment: Deployment) -> Awaitable[None]:
        """Writes what the client gets and settles; what it gives is done when that is sent."""
        call, record, body, usage = run.call, run.record, answer.body, answer.usage
        record.finish = finish_of(body)
        if call.operation != "count_tokens":  # which costs nothing
            said = 0 if usage is not None and usage.output else characters(answer)
            self._price(run, deployment, usage, said, body.get("service_tier"))
        record.attempts[-1].upstream_id = str(body.get("id") or "")
        raw = answer.raw
        if not raw:
            given: Any = None if usage is None and call.operation not in MEDIA else body.get("usage")
            if given.__class__ is dict:
                body["usage"] = with_ours(given, run)
            elif call.operation not in MEDIA:
                body["usage"] = with_ours({}, run)
            raw = call.surface.write(body)
        now, charged = self._clock(), run.charged_nano
        headers = run.headers(deployment, now)
        headers.append(f"x-xroute-cost: {'unknown' if charged is None else as_text(charged)}")
        record.outcome = "completed"
        self._settle(run, now)
        return run.reply.answer(200, headers, raw, call.media or answer.media)

    async def _stream(self, run: Run) -> None:
        """A stream: attempts in turn until one has content, then that one to its end."""
        deployment, opened, began = await self._open(run)
        first = self._clock()
        run.ttft_s = first - run.reply.started
        deployment.health.first_token.note(first, first - began)
        praise(deployment, first, began)
        try:
            try:
                failure = await pump(run, opened, self._attempts, deployment, self._clock)
            finally:
                deployment.health.in_flight -= 1
            if failure is not None:
                self._blame(run, deployment, failure, began)
            decoder, told = opened.decoder, opened.decoder.envelope
            run.record.attempts[-1].upstream_id = str(told.get("id") or "")
            run.record.finish = "error" if failure is not None else decoder.finish_reason or ""
            self._price(run, deployment, decoder.usage, decoder.chars, told.get("service_tier"))
            now = self._clock()
            note_speed(deployment, run.usage.output if run.usage else 0, now - first)
            last = closing(run, opened, deployment, failure)
            self._settle(run, now)
            if failure is not None and run.call.is_bytes:
                return  # without an end: the server then cuts the connection, as nothing else can tell
            await run.reply.write(last)
            await run.reply.end()
            if failure is None and not opened.ended:
                await drain(opened.exchange)
        finally:
            opened.exchange.close()

    async def _open(self, run: Run) -> tuple[Deployment, Opened, float]:
        """(who answers, the stream up to its first content, when that attempt began)."""
        while True:
            deployment, began = await self._turn(run)
            try:
                opened = await self._attempts.open(run, deployment)
            except AttemptFailed as error:
                deployment.health.in_flight -= 1
                run.decoder = None
                self._failed(run, deployment, error.failure, began)
            except BaseException:
                deployment.health.in_flight -= 1
                raise
            else:
                return deployment, opened, began
            finally:
                run.upstream_s += self._clock() - began

    async def _turn(self, run: Run) -> tuple[Deployment, float]:
        """(the deployment of the next attempt, which its model's own limits let in, when it begins); else the
        verdict."""
        while True:
            now = self._clock()
            left_s = run.deadline - now
            turn = next_turn(run.failed, run.untried, run.attempts, self._most, left_s, now, self._dice)
            if turn is None:
                over = Timeout("The call's time was over before it began.")
                raise verdict(run.failed) if run.failed else over
            if turn.wait_s:
                now = await self._pause(run, turn.wait_s, left_s)
            deployment = turn.deployment
            is_new = deployment in run.untried
            if is_new:
                run.untried.remove(deployment)
            if not run.own:
                break
            try:
                await self.accounts.move(run, deployment)
            except CallError as refusal:
                run.untried = [each for each in run.untried if each.model != deployment.model]
                if is_new and (run.untried or run.failed):
                    continue
                raise verdict(run.failed) if run.failed else refusal from None
            now = self._clock()
            break
        run.attempts += 1
        run.deployment = deployment
        run.begin_try(deployment, now)
        health, credential = deployment.health, deployment.credential
        health.in_flight += 1
        health.calls += 1
        if health.breaker.until or credential.breaker.until:
            health.breaker.begin(now)
            credential.breaker.begin(now)
        return deployment, now

    async def _pause(self, run: Run, wait_s: float, left_s: float) -> float:
        """Waits as a provider has asked, and says what time it is then; the verdict where that is long."""
        if wait_s > min(MAX_WAIT_S, left_s):
            raise verdict(run.failed) if run.failed else resting(run.untried, wait_s)
        run.upstream_s += wait_s
        await self._sleep(wait_s)
        return self._clock()

    def _failed(self, run: Run, deployment: Deployment, failure: Failure, began: float) -> None:
        """A failure before anything reached the client: remembered, and nobody it rules out is tried."""
        run.failed.append((deployment, failure))
        run.end_try(self._clock(), failure)
        run.untried = [d for d in run.untried if retry.may_follow(failure, deployment, d)]
        self._blame(run, deployment, failure, began)

    def _blame(self, run: Run, deployment: Deployment, failure: Failure, began: float) -> None:
        # Many that speak the dialect of a maker do not count: that says nothing of the model.
        if run.call.operation != "count_tokens" or failure.kind != "not_found":
            blame(deployment, failure, self._clock(), began)
        level = logging.ERROR if failure.kind in retry.BREAKS_CREDENTIAL else logging.INFO
        told = failure.message[:MAX_LOGGED] if failure.kind in SAID or failure.status is None else ""
        log.log(
            level,
            "%s %s: %s (HTTP %s, code %s) %s",
            run.reply.request_id,
            deployment.id,
            failure.kind,
            failure.status,
            failure.code,
            told,
        )

    def _price(
        self, run: Run, deployment: Deployment, given: Usage | None, said: int, tier: Any = None
    ) -> None:
        """Sets usage and cost of an answer of `said` characters; `tier` is the one it says it was made in."""
        call = run.call
        price = self.fleet.price(deployment, tier or call.body.get("service_tier"))
        if given is None and call.operation in MEDIA:
            run.cost_nano = None
        else:
            run.usage = final_usage(call, deployment, self.ratios, given, said)
            run.cost_nano = None if price is None else price.cost(run.usage)
        run.price = self.accounts.keep(price)
        self.accounts.charge(run)

    def _settle(self, run: Run, now: float) -> None:
        """Tells every recorder what became of the call: once, and nobody else does."""
        run.is_settled = True
        record = run.record
        if record.outcome == "client_gone" and run.usage is None and run.attempts > len(run.failed):
            assert run.deployment is not None
            decoder = run.decoder  # an attempt was under way: the provider will bill what it has made
            given, said = (decoder.usage, decoder.chars) if decoder else (None, 0)
            self._price(run, run.deployment, given, said)
        fill(run, now)
        self.accounts.settle(run)
        for recorder in self.recorders:
            recorder(record)


def _parameters(call: Call) -> frozenset[str]:
    """The fields of a request that say something."""
    return frozenset(name for name, value in call.body.items() if value is not None)


def _outcome(error: CallError, run: Run) -> Outcome:
    """What became of a call that ended in an error before its answer began."""
    if error.status < 500 and not run.attempts:
        return "refused"
    return "timed_out" if error.error_type == Timeout.error_type else "failed"
