"""Every command and every option stands in docs/reference/cli.md."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from xroute.cli import app
from xroute.cli.app import API, Later
from xroute.cli.terminal import SHARED

PAGE = (Path(__file__).parents[3] / "docs/reference/cli.md").read_text("utf-8")
HEADING = re.compile(r"^###? (?:`([^`]+)`)?", re.M)
# Options of every command that asks the management API: they stand in one place.
EVERYWHERE = {"--workspace", "--url", "--token", "--config", "--json"}


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command with the words that call it, groups first."""
    command = command.real() if isinstance(command, Later) else command
    yield name, command
    for word, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{name} {word}")


def sections() -> dict[str, str]:
    """What stands under each heading, up to the next one."""
    found = list(HEADING.finditer(PAGE))
    ends = [each.start() for each in found[1:]] + [len(PAGE)]
    return {each[1]: PAGE[each.end() : end] for each, end in zip(found, ends, strict=True) if each[1]}


def asks_the_api(name: str, command: Any) -> bool:
    return name.split()[1:2] and name.split()[1] in API and any(p.name == "as_json" for p in command.params)


COMMANDS = dict(commands(typer.main.get_command(app), "xroute"))
SECTIONS = sections()


def test_every_command_is_documented():
    assert [name for name in COMMANDS if not SECTIONS.get(name, "").strip()] == []


def test_every_option_is_documented():
    missing = [
        f"{name} {option}"
        for name, command in COMMANDS.items()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and option != "--help" and not getattr(parameter, "hidden", False)
        if not (asks_the_api(name, command) and option in EVERYWHERE)
        if f"`{option}" not in SECTIONS.get(name, "")
    ]
    assert missing == []


def test_options_that_every_command_of_the_api_has_stand_in_one_place():
    place = PAGE.partition("## Where commands act\n")[2].partition("\n## ")[0]
    assert [option for option in EVERYWHERE if f"`{option}" not in place] == []
    assert len(EVERYWHERE) == len(SHARED)


def test_nothing_is_documented_that_is_not_there():
    assert set(SECTIONS) == set(COMMANDS)
    for name, text in SECTIONS.items():
        known = {option for each in COMMANDS[name].params for option in (*each.opts, *each.secondary_opts)}
        table = re.findall(r"^\| `(--[a-z-]+)", text, re.M)
        assert [option for option in table if option not in known | {"--help"}] == [], name


def test_commands_that_are_imported_later_are_listed_as_they_describe_themselves():
    for word, text in API.items():
        assert COMMANDS[f"xroute {word}"].help == text
        assert len(text) <= 72, word
