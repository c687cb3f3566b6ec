"""The page on who may do what says what the table of access decides."""

from tests.access import PAGE, ROLES, may, page

from xroute.web.access import ANYONE, KEY, OPERATOR, OWNER, PUBLIC, TABLE

WRITTEN = PAGE.read_text("utf-8")


def test_the_page_is_up_to_date():
    assert page() == WRITTEN, "make it anew: python -m tests.access docs/reference/access.md"


def test_every_route_stands_in_it_once():
    written = [line.split("`")[1] for line in WRITTEN.splitlines() if line.startswith("| `")]
    assert sorted(written) == sorted(TABLE)


def test_every_route_says_what_it_does():
    rows = [line.split("|") for line in WRITTEN.splitlines() if line.startswith("| `")]
    assert [row[1] for row in rows if not row[2].strip()] == []


def test_whoever_runs_the_installation_may_do_what_an_owner_may_and_only_they_what_is_theirs():
    for line, access in TABLE.items():
        if access not in (KEY, PUBLIC):
            assert may("operator", access), line
            assert may("owner", access) <= may("operator", access), line
    assert [role for role in ROLES if may(role, OPERATOR)] == ["operator"]
    assert [role for role in ROLES if may(role, OWNER)] == ["operator", "owner"]
    assert [role for role in ROLES if may(role, ANYONE)] == list(ROLES)
