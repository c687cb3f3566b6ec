"""The invariants of absence: who imports whom, who reads the environment, what stands nowhere."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from xroute.catalog.load import load

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "xroute"
LONGEST = 400  # lines of a file

PURE = ("routing", "money", "dialects", "catalog")  # rooms that neither wait nor look at the clock
IMPURE = {"asyncio", "time", "random", "secrets", "socket", "os", "logging", "threading"}


def files(*rooms: str) -> Iterator[Path]:
    for folder in [SOURCE / room for room in rooms] or [SOURCE]:
        yield from sorted(folder.rglob("*.py"))


def nodes(path: Path) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse(path.read_text("utf-8"), str(path)))


def place(path: Path, node: ast.AST | None = None) -> str:
    name = path.relative_to(SOURCE).as_posix()
    return f"{name}:{getattr(node, 'lineno', 0)}" if node else name


def imported(node: ast.AST) -> set[str]:
    """The modules that a statement imports, by their first name."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    return {(node.module or "").partition(".")[0]} if isinstance(node, ast.ImportFrom) else set()


def run(code: str) -> str:
    """The output of a new interpreter."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_imports_run_one_way_and_never_in_a_circle():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--config", ROOT / "pyproject.toml"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Contracts: 2 kept, 0 broken." in done.stdout


LOADED = "import sys, {}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        (
            "xroute",
            {"fastapi", "pydantic", "genai_prices", "granian", "prometheus_client", "yaml", "asyncio"},
        ),
        ("xroute.web.app", {"fastapi", "genai_prices", "typer", "rich", "starlette"}),
        ("xroute.routing.plan", {"fastapi", "pydantic", "genai_prices", "asyncio"}),
    ],
)
def test_importing_brings_nothing_heavy(module, heavy):
    loaded = set(run(LOADED.format(module)).split())
    assert "xroute" in loaded
    assert loaded & heavy == set()


def test_the_environment_is_read_in_config_alone():
    readers = {
        place(path)
        for path in files()
        for node in nodes(path)
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv") and _is_os(node.value))
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and _names(node) & {"environ", "getenv"})
    }
    assert readers == {"config/environ.py"}


def _is_os(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "os"


def _names(node: ast.ImportFrom) -> set[str]:
    return {alias.name for alias in node.names}


def caught(handler: ast.ExceptHandler) -> set[str]:
    """What a handler catches; a bare one catches everything."""
    if handler.type is None:
        return {"BaseException"}
    return {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}


def handlers(name: str) -> Iterator[tuple[Path, ast.ExceptHandler]]:
    for path in files():
        for node in nodes(path):
            if isinstance(node, ast.ExceptHandler) and name in caught(node):
                yield path, node


# Where a fault of ours ends: it is logged whole, and what comes next goes on.
BOUNDARIES = {
    "web/edge.py",  # of one request
    "web/exchange.py",  # of one exchange with the application
    "web/chores.py",  # of one turn of a background task
    "store/writer.py",  # the same, of the one that sets its own pace: it rests while the database is away
}


def test_everything_is_caught_at_the_boundaries_alone():
    assert {place(path) for path, _ in handlers("Exception")} <= BOUNDARIES


def test_whoever_catches_a_cancellation_raises_it_again():
    for path, handler in handlers("BaseException"):
        assert isinstance(handler.body[-1], ast.Raise), place(path, handler)
        assert handler.body[-1].exc is None, place(path, handler)


def compared(node: ast.AST) -> Iterator[str]:
    """The texts that a comparison or a `match` compares with."""
    parts: list[ast.expr] = []
    if isinstance(node, ast.Compare):
        parts = [node.left, *node.comparators]
    elif isinstance(node, ast.MatchValue):
        parts = [node.value]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        parts = node.args if node.func.attr in ("startswith", "endswith", "removeprefix") else []
    for part in parts:
        for each in ast.walk(part):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield each.value


def test_no_provider_is_compared_with_by_name():
    providers = set(load().providers)
    assert len(providers) > 45
    found = [
        (place(path, node), text)
        for path in files()
        for node in nodes(path)
        for text in compared(node)
        if text.strip("/-_.: ").lower() in providers
    ]
    # The path prefix under which OpenAI's clients may call is no provider: DESIGN, Contracts.
    assert {text for _, text in found} <= {"/openai"}
    assert {where.partition(":")[0] for where, _ in found} <= {"web/edge.py"}


def test_policy_never_waits_and_sees_no_clock():
    for path in files(*PURE):
        for node in nodes(path):
            waits = (ast.Await, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith)
            assert not isinstance(node, waits), place(path, node)
            assert not imported(node) & IMPURE, place(path, node)


def test_limits_see_no_clock_and_wait_in_line_alone():
    for path in files("limits"):
        for node in nodes(path):
            assert not imported(node) & (IMPURE - {"asyncio"}), place(path, node)
            assert path.name in ("memory.py", "gate.py") or not isinstance(
                node, ast.Await | ast.AsyncFunctionDef
            )


def test_nothing_is_evaluated_or_run():
    for path in files():
        for node in nodes(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile", "__import__"), place(path, node)
            risky = imported(node) & {"subprocess", "pickle", "marshal", "ctypes", "jinja2"}
            assert not risky or place(path).startswith("cli/"), place(path, node)


def test_no_file_is_longer_than_a_person_reads():
    sources = [*files(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]
    long = {
        str(path): count for path in sources if (count := len(path.read_text("utf-8").splitlines())) > LONGEST
    }
    assert long == {}


def test_every_module_opens_with_a_sentence():
    for path in files():
        text = ast.get_docstring(ast.parse(path.read_text("utf-8")))
        assert text, place(path)
        assert text.splitlines()[0].rstrip()[-1] in ".:", place(path)
