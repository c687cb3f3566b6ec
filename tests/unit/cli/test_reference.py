"""Every command and every option stands in docs/reference/cli.md."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from xroute.cli import app

PAGE = (Path(__file__).parents[3] / "docs/reference/cli.md").read_text("utf-8")


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command with the words that call it, groups first."""
    yield name, command
    for word, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{name} {word}")


def section(name: str) -> str:
    """The part of the page under a command's heading, up to the next one."""
    return PAGE.partition(f"## `{name}`\n")[2].partition("\n## ")[0]


def test_every_command_is_documented():
    missing = [name for name, _ in commands(typer.main.get_command(app), "xroute") if not section(name)]
    assert missing == []


def test_every_option_is_documented():
    missing = [
        f"{name} {option}"
        for name, command in commands(typer.main.get_command(app), "xroute")
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and option != "--help" and f"`{option}" not in section(name)
    ]
    assert missing == []


def test_nothing_is_documented_that_is_not_there():
    there = {name for name, _ in commands(typer.main.get_command(app), "xroute")}
    written = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("## `")}
    assert written == there
