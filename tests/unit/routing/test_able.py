"""Who can and may take calls of one kind, and what is said of the others."""

from tests.unit.routing.making import deployment, ids

from xroute.routing.able import find_able

CHAT = ("chat", frozenset())


def test_models_keep_their_order_and_one_named_twice_counts_once():
    a, b, c = deployment("a"), deployment("b"), deployment("c")
    able = find_able([[a, b], [b, a, c], []], *CHAT)
    assert [ids(group) for group in able.groups] == [ids([a, b]), ids([c]), []]
    assert able.excluded == []


def test_the_window_is_the_smallest_that_is_known_of_those_who_are_left():
    small, large = deployment("small", context=10, operations=frozenset()), deployment("large", context=900)
    unknown = deployment("unknown", context=None)
    assert find_able([[small, large], [unknown]], *CHAT).window == 900
    assert find_able([[small], [unknown]], *CHAT).window == float("inf")


def test_who_is_not_made_for_it_lacks_something_or_is_barred_is_named_and_another_workspaces_is_not():
    made = {
        "barred": deployment("barred"),
        "operation": deployment("other", operations=frozenset({"rerank"})),
        "ability": deployment("blind", abilities=frozenset({"tools"})),
    }
    theirs, able = deployment("theirs", workspace="ws_b"), deployment("able", workspace="ws_a")
    found = find_able(
        [[*made.values(), theirs, able]],
        "chat",
        frozenset({"image"}),
        "ws_a",
        lambda d: ("barred", "it may not") if d.provider == "barred" else None,
    )
    assert [(e.reason, e.deployment, e.of_key) for e in found.excluded] == [
        (reason, each, reason == "barred") for reason, each in made.items()
    ]
    assert found.groups == [[able]]
