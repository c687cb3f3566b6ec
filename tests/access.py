"""The page on who may do what, made from the one table that decides it: `python -m tests.access <page>`."""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xroute.config.load import load
from xroute.gateway.compose import compose
from xroute.web.access import KEY, PUBLIC, TABLE, Access
from xroute.web.api.app import create_api

PAGE = Path(__file__).parents[1] / "docs/reference/access.md"
ROLES = ("operator", "owner", "admin", "developer", "billing", "viewer")

HEAD = """\
# Who may do what

<!-- Made by `python -m tests.access docs/reference/access.md`; a test fails while it is stale. -->

Every route there is, from the table in `src/xroute/web/access.py` that decides. What is not in it does not
exist: 404. The decision is made on the raw path, before anything of the body is read.

- **key**: a client's key, `Authorization: Bearer xr-...`. It opens what calls models, and what it may know of
  itself.
- **operator**: who runs the installation, by the config's `admin_token`, a token of the installation, or as
  the owner that the first start made. May do what an owner may, in every workspace.
- **owner, admin, developer, billing, viewer**: a role in one workspace, of a member who has signed in or of a
  management token, `Authorization: Bearer xrt-...`.

Within a route a role may see or change less: developers make keys for themselves and change those alone, an
admin gives away neither ownership nor power over money, and a workspace's price is the operator's. What is
another workspace's is answered as what does not exist. Below `/api/v1/me` all but the first route need a
person who has signed in.
"""


def document() -> dict[str, Any]:
    """The OpenAPI document of everything."""
    with tempfile.TemporaryDirectory() as folder:
        scene = compose(load(None, {"HOME": folder, "XROUTE_STATE_DIR": folder, "XROUTE_CONFIG": ""}))
    return create_api(scene.fleet, time.monotonic).openapi()


def page() -> str:
    """The whole page."""
    lines = list(_lines(document()["paths"]))
    parts = [HEAD.rstrip()]
    parts += ["## With a client's key", _plain(row for row in lines if row[3] is KEY)]
    parts += ["## With nothing", _plain(row for row in lines if row[3] is PUBLIC)]
    parts += ["## The management API"]
    managed = [row for row in lines if row[3] not in (KEY, PUBLIC)]
    for subject in dict.fromkeys(row[0] for row in managed):
        parts += [f"### {subject}", _matrix(row for row in managed if row[0] == subject)]
    return "\n\n".join(parts) + "\n"


Row = tuple[str, str, str, Access]  # subject, method and path, what it does, who


def _lines(paths: dict[str, Any]) -> Iterator[Row]:
    for line, access in TABLE.items():
        method, path = line.split(" ")
        told = _operation(paths, method, path)
        subject = told.get("tags", ["health"])[0]
        text = told.get("description", "").split("\n\nFor: ")[0] or told.get("summary", "")
        yield subject, line, " ".join(text.split()), access


def _operation(paths: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    if path == "/openapi.json":
        return {"summary": "All of this as OpenAPI."}
    for known in (path, f"{path}{{id}}", f"{path}{{id}}/cancel"):
        if method.lower() in paths.get(known, {}):
            return paths[known][method.lower()]
    raise KeyError(f"{method} {path} is not described")


def _plain(rows: Iterator[Row]) -> str:
    table = [f"| `{line}` | {text} |" for _, line, text, _ in rows]
    return "\n".join(["| route | |", "|---|---|", *table])


def _matrix(rows: Iterator[Row]) -> str:
    head = f"| route | | {' | '.join(ROLES)} |"
    table = [f"| `{line}` | {text} | {' | '.join(_cells(access))} |" for _, line, text, access in rows]
    return "\n".join([head, "|---|---|" + ":-:|" * len(ROLES), *table])


def _cells(access: Access) -> list[str]:
    return ["yes" if may(role, access) else "" for role in ROLES]


def may(role: str, access: Access) -> bool:
    """As `web.reception` decides: an operator is an owner too, and whoever has a role has signed in."""
    words = {"signed_in", role} | ({"owner"} if role == "operator" else set())
    return bool(words & access)


def main(path: str) -> None:
    Path(path).write_text(page(), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
