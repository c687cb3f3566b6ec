"""limits.rules: limits and budgets become gates."""

from datetime import UTC, datetime

from tests.unit.limits.making import NOW

from xroute.limits.gate import Gate
from xroute.limits.rules import BudgetRule, Credit, LimitRule, Rules, gate_key, window_key

DAY = datetime(2026, 11, 24, tzinfo=UTC).timestamp()  # ends the day of NOW
MONTH = datetime(2026, 12, 1, tzinfo=UTC).timestamp()


def limit(id_: str = "lim_1", **what) -> LimitRule:
    return LimitRule(
        id_, what.pop("label", "key bench"), what.pop("scope", "key"), what.pop("subject", "k"), **what
    )


def budget(id_: str = "bud_1", **what) -> BudgetRule:
    return BudgetRule(
        id_, what.pop("label", "key bench"), what.pop("scope", "key"), what.pop("subject", "k"), **what
    )


def keys(gates: tuple[Gate, ...]) -> list[str]:
    return [gate.key for gate in gates]


def test_each_figure_of_a_limit_is_a_gate():
    rule = limit(rpm=1, tpm=2, tpm_in=3, tpm_out=4, rpd=5, tpd=6, concurrency=7)
    gates = Rules([rule]).gates("m", "", NOW)
    assert gates == (
        Gate("lim_1:requests", "rate", "requests", 1, "key bench"),
        Gate("lim_1:tokens", "rate", "tokens", 2, "key bench"),
        Gate("lim_1:tokens_in", "rate", "tokens_in", 3, "key bench"),
        Gate("lim_1:tokens_out", "rate", "tokens_out", 4, "key bench"),
        Gate("lim_1:slots", "slots", "slots", 7, "key bench", window="total"),
        Gate("lim_1:requests:20261123", "purse", "requests", 5, "key bench", until=DAY, window="day"),
        Gate("lim_1:tokens:20261123", "purse", "tokens", 6, "key bench", until=DAY, window="day"),
    )


def test_a_limit_of_nothing_is_a_gate_and_no_limit_is_none():
    assert [gate.limit for gate in Rules([limit(rpm=0)]).gates("m", "", NOW)] == [0]
    assert Rules([limit()]).gates("m", "", NOW) == ()


def test_a_budget_is_a_purse_of_its_window():
    gates = Rules(budgets=[budget(nano=10**9, window="month", hard=False)]).gates("m", "", NOW)
    assert gates == (
        Gate(
            "bud_1:money:20261101",
            "purse",
            "money",
            10**9,
            "key bench",
            until=MONTH,
            window="month",
            hard=False,
        ),
    )


def test_a_budget_in_all_has_one_purse_for_ever():
    (gate,) = Rules(budgets=[budget(nano=1, window="total")]).gates("m", "", NOW)
    assert (gate.key, gate.until, gate.window) == ("bud_1:money:total", float("inf"), "total")


def test_the_windows_of_a_budget_are_those_of_its_zone():
    rules = Rules(
        budgets=[budget(nano=1, window="day", tz="Pacific/Auckland")]
    )  # where it is Tuesday, 1 o'clock
    (gate,) = rules.gates("m", "", NOW)
    assert gate.key.startswith("bud_1:money:20261124.")
    assert gate.until == NOW + 23 * 3600


def test_what_counts_for_other_models_or_in_another_zone_is_another_purse():
    changed = [{}, {"model": "openai/*"}, {"model": "m*"}, {"tz": "Asia/Tokyo"}, {"tz": "Asia/Seoul"}]
    named = [budget(nano=1, window="total", **more) for more in changed]
    assert len({gate_key(b.id, "money", "", window_key("total", b.tz, b.model)) for b in named}) == 5


def test_credit_is_all_that_was_ever_put_in_and_the_line():
    (gate,) = Rules(credit=Credit("ws_a", 5_000, 1_000, "workspace acme")).gates("m", "", NOW)
    assert gate == Gate("credit:ws_a", "purse", "credit", 6_000, "workspace acme", window="total")


def test_a_rule_of_other_models_is_no_gate():
    rules = Rules([limit(rpm=1, model="openai/*"), limit("lim_2", rpm=2)], [budget(nano=1, model="meta/*")])
    assert keys(rules.gates("openai/gpt-4o", "", NOW)) == ["lim_1:requests", "lim_2:requests"]
    name = f"bud_1:money:{window_key('20261101', 'UTC', 'meta/*')}"
    assert keys(rules.gates("meta/llama", "", NOW)) == ["lim_2:requests", name]


def test_each_user_has_counters_of_their_own():
    rules = Rules(
        [limit(rpm=1, scope="user", subject="*proj_1")], [budget(nano=1, scope="user", subject="*")]
    )
    gates = rules.gates("m", "ann", NOW)
    assert keys(gates) == ["lim_1:requests:ann", "bud_1:money:ann:20261101"]
    assert {gate.subject for gate in gates} == {"user ann"}
    assert keys(rules.gates("m", "bob", NOW)) == ["lim_1:requests:bob", "bud_1:money:bob:20261101"]


def test_a_rule_of_one_user_is_theirs_alone():
    rules = Rules([limit(rpm=1, scope="user", subject="ann", label="user ann")])
    assert keys(rules.gates("m", "ann", NOW)) == ["lim_1:requests"]
    assert rules.gates("m", "bob", NOW) == ()


def test_a_call_that_names_no_user_passes_the_rules_of_users():
    assert Rules([limit(rpm=1, scope="user", subject="*")]).gates("m", "", NOW) == ()


def test_no_users_name_is_mistaken_for_another_counter():
    assert gate_key("r", "requests", "ann:20261123") != gate_key("r", "requests", "ann", "20261123")
    assert gate_key("r", "requests", "a%3Ab") != gate_key("r", "requests", "a:b")


def test_the_key_of_a_user_is_short_and_plain_whatever_they_call_themselves():
    names = ["x" * 10_000, "\x00", "\ud800", "é" * 30, "a\nb", "{x}", "a b"]
    found = [gate_key("r", "requests", name) for name in names]
    assert len(set(found)) == len(names)
    assert all(key.isascii() and key.isprintable() and len(key) < 90 for key in found)
    assert not any("{" in key or " " in key for key in found)


def test_the_gates_are_the_same_object_until_a_window_ends():
    rules = Rules([limit(rpm=1, rpd=9)], [budget(nano=1)])
    gates = rules.gates("m", "", NOW)
    assert rules.gates("m", "", DAY - 0.001) is gates
    assert rules.gates("other", "ann", NOW) is gates  # as nothing depends on them
    after = rules.gates("m", "", DAY)
    assert keys(after) == ["lim_1:requests", "lim_1:requests:20261124", "bud_1:money:20261101"]
    assert rules.gates("m", "", DAY + 1) is after


def test_a_clock_set_back_over_midnight_finds_the_day_it_is():
    rules = Rules([limit(rpd=9)])
    rules.gates("m", "", DAY)
    assert keys(rules.gates("m", "", DAY - 1)) == ["lim_1:requests:20261123"]


def test_only_so_many_users_are_remembered_and_those_that_come_stay():
    rules = Rules([limit(rpm=1, scope="user", subject="*")], most_known=3)
    ann = rules.gates("m", "ann", NOW)
    for n in range(20):
        rules.gates("m", f"user {n}", NOW)
        assert rules.gates("m", "ann", NOW) is ann
    assert len(rules._known) == 3


def test_the_most_that_a_call_may_cost_is_the_least_of_all_that_hold_for_its_model():
    rules = Rules(
        [
            limit(max_call_nano=500),
            limit("lim_2", max_call_nano=300, model="openai/*"),
            limit("lim_3", max_call_nano=100, model="meta/*"),
        ]
    )
    assert rules.most("openai/gpt-4o") == 300
    assert rules.most("x/y") == 500
    assert Rules([limit(rpm=1)]).most("x/y") is None


def test_money_counts_where_a_hard_budget_or_credit_does():
    assert Rules(budgets=[budget(nano=1, model="openai/*")]).is_paid("openai/gpt-4o")
    assert not Rules(budgets=[budget(nano=1, model="openai/*")]).is_paid("meta/llama")
    assert not Rules(budgets=[budget(nano=1, hard=False)]).is_paid("m")
    assert Rules(credit=Credit("ws", 0)).is_paid("m")
    assert not Rules().is_paid("m")
