"""What vectors are for, in the words of any provider: `input_type`, `task`, `task_type`."""

from collections.abc import Mapping

from xroute.dialects.openai.codec import Json

FIELDS = ("input_type", "task", "task_type", "taskType")

# The common words are Cohere's. https://docs.cohere.com/reference/embed · https://ai.google.dev/gemini-api/docs/embeddings
# https://docs.voyageai.com/reference/embeddings-api · https://jina.ai/embeddings, all read 2026-11-21.
_WORDS = {
    "query": "search_query",
    "search_query": "search_query",
    "retrieval_query": "search_query",
    "document": "search_document",
    "passage": "search_document",
    "search_document": "search_document",
    "retrieval_document": "search_document",
    "retrieval_passage": "search_document",
    "classification": "classification",
    "clustering": "clustering",
    "separation": "clustering",
    "similarity": "similarity",
    "semantic_similarity": "similarity",
    "text_matching": "similarity",
    "code_query": "code_query",
    "code_retrieval_query": "code_query",
    "code_passage": "code_document",
    "code_document": "code_document",
    "question_answering": "question_answering",
    "fact_verification": "fact_verification",
}


def wish(body: Json, theirs: Mapping[str, str]) -> str | None:
    """The provider's word for what a client wants its vectors for; None where the client says nothing.

    A word that nobody translates goes on as it is: the provider may know it.
    """
    for name in FIELDS:
        if isinstance(word := body.get(name), str) and word:
            common = _WORDS.get(word.lower().replace(".", "_").replace("-", "_"))
            return theirs.get(common, word) if common else word
    return None
