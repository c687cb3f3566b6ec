"""Everything that is no chat, found by the path of the request."""

import re
from urllib.parse import unquote

from xroute.sim.ask import SimRequest
from xroute.sim.tasks import counts, media, texts, vectors
from xroute.sim.tasks.task import Task

_PATHS: tuple[tuple[re.Pattern[str], type[Task]], ...] = tuple(
    (re.compile(pattern), task)
    for pattern, task in (
        (r".*/embeddings", texts.Embeddings),
        (r".*/(?P<model>[^/]+):(?P<action>batchEmbedContents|embedContent)", vectors.Contents),
        (r".*/api/embed", vectors.Ollama),
        (r".*/embed", vectors.Cohere),
        (r".*/model/(?P<model>[^/]+)/(?P<action>invoke)", vectors.Invoked),
        (r".*/rerank", texts.Rerank),
        (r".*/moderations", texts.Moderations),
        (r".*/images/generations", media.Images),
        (r".*/images/edits", media.ImageEdits),
        (r".*/audio/speech", media.Speech),
        (r".*/audio/(transcriptions|translations)", media.Transcriptions),
        (r".*/messages/count_tokens", counts.Messages),
        (r".*/responses/input_tokens", counts.Inputs),
        (r".*/(?P<model>[^/]+):(?P<action>countTokens)", counts.Contents),
        (r".*/model/(?P<model>[^/]+)/(?P<action>count-tokens)", counts.Converse),
    )
)


def find(request: SimRequest) -> Task | None:
    """The task of a request; None where the path is none of theirs."""
    path = request.path.partition("?")[0]
    for pattern, make in _PATHS:
        if found := pattern.fullmatch(path):
            return make(request, **{name: unquote(value) for name, value in found.groupdict().items()})
    return None


__all__ = ["Task", "find"]
