"""The table of Claude's families, by every host's spelling of a name."""

import pytest

from xroute.dialects.claude import Family, family_of

OTHERS = Family()


@pytest.mark.parametrize(
    ("names", "facts"),
    [
        (
            (
                "claude-3-haiku-20240307",
                "claude-3-opus-20240229",
                "anthropic.claude-v2:1",
                "claude-instant-1.2",
            ),
            {"can_think": False, "sampling": True, "prefill": True, "schema": False, "output": 4096},
        ),
        (("claude-3-5-haiku-latest", "claude-3-5-sonnet-20241022"), {"can_think": False, "output": 8192}),
        (
            ("claude-3-7-sonnet@20250219", "claude-opus-4-20250514", "claude-sonnet-4-0", "claude-4-sonnet"),
            {"budgets": True, "adaptive": False, "pair": True, "schema": False},
        ),
        (
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-haiku-4-5@20251001"),
            {"budgets": True, "adaptive": False, "pair": False, "schema": True, "efforts": ()},
        ),
        (("anthropic/claude-opus-4.5",), {"efforts": ("low", "medium", "high"), "adaptive": False}),
        (
            ("anthropic.claude-opus-4-6-v1", "claude-sonnet-4-6@default", "claude-4.6-opus"),
            {"adaptive": True, "budgets": True, "prefill": False, "sampling": True, "thinks": False},
        ),
        (
            ("claude-opus-4-7", "global.anthropic.claude-opus-4-8"),
            {"adaptive": True, "budgets": False, "sampling": False, "hidden": True, "thinks": False},
        ),
        (("claude-opus-4-8", "claude-opus-5", "claude-sonnet-5-5"), {"inline": True}),
        (("claude-opus-4-7", "claude-sonnet-5", "claude-opus-4-6"), {"inline": False}),
        (("claude-opus-5", "claude-sonnet-5", "claude-haiku-5-5"), {"thinks": True, "off": "disabled"}),
        (("claude-sonnet-5-5",), {"thinks": True, "off": "between_tools", "forced": False}),
        (("claude-fable-5", "claude-mythos-5"), {"thinks": True, "off": "", "forced": True}),
        (
            ("claude-fable-5-1", "claude-opus-5-5", "claude-opus-6", "claude-haiku-7-20280101"),
            {"thinks": True, "off": "", "forced": False, "sampling": False, "prefill": False},
        ),
    ],
)
def test_a_name_means_its_family_at_every_host(names: tuple[str, ...], facts: dict[str, object]) -> None:
    for name in names:
        family = family_of(name)
        assert {fact: getattr(family, fact) for fact in facts} == facts, name


@pytest.mark.parametrize("name", ["MiniMax-M2", "qwen3-coder", "arn:aws:bedrock:us-east-1:1:x/y", ""])
def test_another_makers_model_is_asked_as_anthropics_api_was_at_first(name: str) -> None:
    assert family_of(name) == OTHERS
    assert OTHERS.budgets
    assert OTHERS.sampling
    assert not OTHERS.schema
