"""Cohere's rerank."""

from xroute.catalog.entries import Quirks
from xroute.dialects.cohere import rerank


def test_documents_are_texts_and_the_rest_is_named():
    body = {
        "model": "m",
        "query": "q",
        "documents": ["a", {"text": "b"}, {"title": "c", "year": 2, "text": "d"}],
        "top_n": 1,
        "return_documents": True,
        "max_chunks_per_doc": 3,
    }
    sent, dropped, *_ = rerank.encode(body, upstream="rerank-v3.5", quirks=Quirks())
    assert sent == {
        "model": "rerank-v3.5",
        "query": "q",
        "documents": ["a", "b", "title: c\nyear: 2\ntext: d"],
        "top_n": 1,
    }
    assert dropped == ("max_chunks_per_doc",)


def test_fields_that_count_are_the_only_ones_of_a_document():
    assert rerank.text_of({"title": "c", "text": "d"}, ["text", "other"]) == "text: d"
