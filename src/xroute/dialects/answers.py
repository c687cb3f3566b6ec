"""How the answers of embeddings, rerank and moderations are written, in the form the client asked for."""

from typing import Any

from xroute.dialects.openai import codec, vectors
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.rerank import plain
from xroute.dialects.openai.surface import ChatSurface


class JsonSurface(ChatSurface):
    """The canonical answer as it is. None of these operations streams."""

    def __init__(self) -> None:
        super().__init__(include_usage=False)


class EmbeddingsSurface(JsonSurface):
    """Vectors in the client's `encoding_format`, whatever form the provider gave them in."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._form = form

    def write(self, body: Json) -> bytes:
        """Unknown formats are the provider's own: its vectors stay as they are."""
        if self._form in ("float", "base64", vectors.INT8):
            for item in body["data"]:
                if "embedding" in item:
                    item["embedding"] = vectors.convert(item["embedding"], self._form)
        return codec.write(body)


class RerankSurface(JsonSurface):
    """No more results than the client asked for, with its own documents in them where it wants them."""

    def __init__(self, documents: list[Any] | None, top: int) -> None:
        super().__init__()
        self._documents = documents
        self._top = top

    def write(self, body: Json) -> bytes:
        results: list[Json] = body["results"]
        if len(results) > self._top:
            results = sorted(results, key=lambda result: -result["relevance_score"])[: self._top]
        if self._documents is not None:
            results = [self._with_document(result) for result in results]
        return codec.write({**body, "results": results})

    def _with_document(self, result: Json) -> Json:
        assert self._documents is not None
        if "document" in result or not 0 <= result["index"] < len(self._documents):
            return result
        document = plain(self._documents[result["index"]])
        return {**result, "document": {"text": document} if isinstance(document, str) else document}
