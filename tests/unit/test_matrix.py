"""The page on compatibility says what the dialects do today."""

from tests.features import REQUESTS, SURFACES
from tests.matrix import COLUMNS, PAGE, judge, page, send

from xroute.catalog.tables import DIALECTS


def test_the_page_is_up_to_date():
    made = page()
    hint = "make it anew: python -m tests.matrix docs/reference/compatibility.md"
    assert PAGE.read_text("utf-8") == made, hint


def test_every_dialect_that_chats_has_a_column():
    from xroute import dialects

    chatting = {name for name in DIALECTS if "chat" in dialects.get(name).PATHS}
    assert {column.dialect for column in COLUMNS} == chatting


def test_text_reaches_every_provider_from_every_surface():
    text = next(feature for feature in REQUESTS if feature.name == "text")
    for surface in SURFACES:
        for column in COLUMNS:
            assert judge(text, surface, column) in ("native", "yes")


def test_a_proof_is_not_in_what_is_sent_anyway():
    for feature in REQUESTS:
        for surface in feature.asked:
            for column in COLUMNS:
                assert not feature.proof or feature.proof not in send(surface, {}, column).text
