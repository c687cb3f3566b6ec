"""`xroute bench`: a quick load on a running endpoint, and how long its answers took."""

from typing import Annotated

import typer

from xroute.cli.output import show_json, show_table
from xroute.cli.sources import JsonOption

URL = "http://127.0.0.1:8790/v1"


def bench(
    url: Annotated[str | None, typer.Option(help=f"Base URL; else $XROUTE_BASE_URL, else {URL}.")] = None,
    key: Annotated[str | None, typer.Option(help="The key; else $XROUTE_API_KEY.")] = None,
    model: Annotated[str, typer.Option(help="The model to call.")] = "gpt-4o-mini",
    calls: Annotated[int, typer.Option(min=1, max=100_000, help="How many calls.")] = 200,
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="How many at once.")] = 8,
    stream: Annotated[bool, typer.Option("--stream", help="Ask for streams.")] = False,
    max_tokens: Annotated[int, typer.Option(min=1, max=4096, help="The longest answer.")] = 64,
    seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="Stop after this long.")] = 60,
    as_json: JsonOption = False,
) -> None:
    """Measure a running endpoint: latency, TTFT, throughput.

    Its calls are real ones and cost what such calls cost.
    """
    # asyncio and the client, which `--help` need not wait for.
    import asyncio

    from xroute.cli import load
    from xroute.config import environ

    variables = environ.read()
    work = load.Work(
        url=(url or variables.get("XROUTE_BASE_URL") or URL).rstrip("/"),
        key=key or variables.get("XROUTE_API_KEY", ""),
        model=model,
        calls=calls,
        concurrency=concurrency,
        stream=stream,
        max_tokens=max_tokens,
        seconds=seconds,
    )
    result = asyncio.run(load.run(work))
    summary = load.summary(result)
    if as_json:
        show_json(summary)
    else:
        show_table(
            ["measure", "value"], [(name, str(value)) for name, value in summary.items()], right=("value",)
        )
        for error, count in result.errors.items():
            typer.echo(f"{count} x {error}", err=True)
    if not result.samples:
        raise typer.Exit(1)
