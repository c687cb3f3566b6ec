"""`xroute sim`: a simulated provider on a port of its own, to rehearse failures."""

from pathlib import Path
from typing import Annotated, Any

import typer

from xroute.cli.sources import ConfigOption, load_settings


def sim(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8791,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same answers.")] = None,
    ttft_ms: Annotated[float | None, typer.Option(help="Time to the first token, milliseconds.")] = None,
    tokens_per_s: Annotated[float | None, typer.Option(help="Speed of the answers.")] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="A failure, such as status_429:every=3,retry_after=1; may be repeated."),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="A file for what is served: JSON lines, two for each chat.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Start a simulated provider that fails as told."""
    given: dict[str, Any] = {
        "seed": seed,
        "ttft_ms": ttft_ms,
        "tokens_per_s": tokens_per_s,
        "faults": fault or None,
    }
    section = load_settings(config).settings.sim
    # The simulator's rooms, which `--help` need not wait for.
    from xroute.sim.plan import Profile, parse_fault
    from xroute.sim.served import Served
    from xroute.sim.server import run

    for text in fault or ():
        parse_fault(text)  # here its error names the option, not the section of a file
    profile = Profile.from_dict(section | {name: value for name, value in given.items() if value is not None})
    run(host, port, profile, Served(record) if record is not None else None)
