"""The pages say what is there: links lead somewhere, routes, commands, metrics and dependencies exist."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from xroute.cli import app
from xroute.web.access import TABLE

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")])
GUIDES = [page for page in PAGES if page.parent.name == "guide" or page.name == "operations.md"]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    heads = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        path, _, anchor = link.partition("#")
        goal = (page.parent / path).resolve() if path else page
        if "://" in link:
            continue
        if not goal.exists() or (anchor and anchor not in anchors(goal.read_text("utf-8"))):
            lost.append(link)
    assert lost == []


def commands(page: Path) -> Iterator[list[str]]:
    """What a reader may paste into a terminal."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M)
    blocks += re.findall(r"(?:^    .*\n)+", text, re.M)
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        words = shlex.split(line.strip().removeprefix("$ "), comments=True) if "xroute" in line else []
        if words[:1] == ["xroute"]:
            yield words[1 : words.index("--") if "--" in words else None]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_is_one(page):
    for words in commands(page):
        command: Any = typer.main.get_command(app)
        context = command.make_context("xroute", [], resilient_parsing=True)
        rest = words
        while rest and hasattr(command, "commands"):
            command = command.get_command(context, rest[0])
            assert command is not None, words
            command = command.real() if hasattr(command, "real") else command
            rest = rest[1:]
            if not (rest and rest[0] in getattr(command, "commands", {})):
                break
        known = {option for parameter in command.params for option in parameter.opts}
        is_whole = not hasattr(command, "commands") or command.invoke_without_command
        assert is_whole or not rest or rest[0].startswith("-"), words
        given = {word.partition("=")[0] for word in rest if word.startswith("-")}
        assert given <= known, words


def pattern(path: str) -> str:
    """Names of parts say nothing: only that there is one."""
    return re.sub(r"\{\w+\}|\d{4}-\d\d", "{}", path)


LINES = {tuple(line.split(" ", 1)) for line in TABLE}
ROUTES = {(method, pattern(path)) for method, path in LINES}
BASES = ("", "/api/v1", "/api/v1/auth", "/api/v1/credentials")


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_every_route_that_is_named_is_one(page):
    text = page.read_text("utf-8")
    strange = []
    for method, path in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`?\s]*)[^`]*`", text):
        asked = pattern(path.rstrip("/") or "/")
        goals = {(method, f"{base}{asked}".rstrip("/")) for base in BASES}
        opened = any(method == known and asked.startswith(f"{way}") for known, way in LINES if way[-1] == "/")
        if not goals & ROUTES and not opened and ("POST", asked.partition(":")[0]) not in ROUTES:
            strange.append(f"{method} {path}")
    assert strange == []


def test_every_metric_that_is_to_be_watched_is_there():
    sources = [source.read_text("utf-8") for source in (ROOT / "src/xroute/web").glob("*.py")]
    made = {each for source in sources for each in re.findall(r'"(xroute_\w+)"', source)}
    named = set(re.findall(r"\bxroute_\w+", (ROOT / "docs/operations.md").read_text("utf-8")))
    assert len(named) > 8
    assert named - made - {f"{each}_total" for each in made} == set()


def test_every_dependency_has_a_line():
    page = (ROOT / "docs/decisions/dependencies.md").read_text("utf-8").lower()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    named = [
        *project["project"]["dependencies"],
        *(each for some in project["project"]["optional-dependencies"].values() for each in some),
        *project["dependency-groups"]["dev"],
    ]
    names = [re.split(r"[\[<>=; ]", each)[0].lower() for each in named]
    assert [each for each in names if not re.search(rf"\b{re.escape(each)}\b", page)] == []


TESTS = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py")
}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_test_that_is_named_is_one(page):
    """A file without a folder is in that of the one before it in its line."""
    lost = []
    for line in page.read_text("utf-8").splitlines():
        folder, known = "", list[str]()
        for path, function in re.findall(r"`(?:((?:tests/[\w/]+/)?test_\w+\.py)|(test_\w+))`", line):
            if path:
                folder = path.rpartition("/")[0] or folder
                whole = f"{folder}/{path.rpartition('/')[2]}"
                known.append(TESTS.get(whole, ""))
                lost += [whole] if whole not in TESTS else []
            elif not any(f"def {function}(" in text for text in known):
                lost.append(function)
    assert lost == []
