"""One table says who may use which route: nothing is beyond it, and it names nothing that is not there."""

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from xroute.web.access import TABLE
from xroute.web.api.app import create_api


@pytest.fixture
async def lines(whole, sqlite_url):
    """Every route of the application as the table would call it."""
    async with whole(sqlite_url) as office:
        api = create_api(office.app.scene.fleet, lambda: 0.0)
        behind = [
            f"{method} {context.path}"
            for context in iter_route_contexts(api.routes)
            # FastAPI's own page of its document is the one route that it has by itself.
            if isinstance(context.original_route, APIRoute)
            for method in context.methods
        ]
        yield [*behind, *(route.line for route in office.app.edge.routes)]


async def test_every_route_is_in_the_table(lines):
    assert [line for line in lines if line not in TABLE] == []


async def test_every_line_of_the_table_has_a_route(lines):
    assert [line for line in TABLE if line not in lines] == []


def test_no_two_lines_of_the_table_fit_one_path():
    """Or the edge could decide by one and FastAPI answer by the other."""
    for line in TABLE:
        method, path = line.split(" ")
        for other in TABLE:
            if line != other and other.startswith(f"{method} "):
                assert not fits(other.split(" ")[1], path), (line, other)


def fits(template, path):
    """Whether a path, whose own parts may be anything too, is one that the template takes."""
    wanted, given = template.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        part.startswith("{") or part == said for part, said in zip(wanted, given, strict=True)
    )
