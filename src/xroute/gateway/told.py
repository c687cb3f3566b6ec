"""The record of a call that has ended, filled from what its run has seen."""

from xroute.gateway.run import Run


def fill(run: Run, now: float) -> None:
    """Puts what became of the call into its record; `now` is monotonic seconds.

    The cost is what the attempts cost us, what is charged is for the answer alone.
    """
    record, deployment = run.record, run.deployment
    spent_s = now - run.reply.started
    record.usage, record.price, record.charged_nano = run.usage, run.price, run.charged_nano
    record.duration_ms = round(spent_s * 1000)
    record.overhead_us = round((spent_s - run.upstream_s) * 1e6)
    if run.ttft_s is not None:
        record.ttft_ms = round(run.ttft_s * 1000)
    if deployment is None:
        record.model, record.provider, record.cost_nano = run.call.models[0], "", 0
        return
    record.model, record.provider = deployment.model, deployment.provider
    record.byok = deployment.workspace != ""
    answered = record.attempts[-1]
    if not answered.failure:
        answered.usage, answered.cost_nano, answered.ttft_ms = run.usage, run.cost_nano, record.ttft_ms
        if not answered.duration_ms:
            answered.duration_ms = record.duration_ms - answered.began_ms
    record.cost_nano = answered.cost_nano  # those before it failed, and cost nothing
