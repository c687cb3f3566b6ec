"""How many tokens a request would have, in each dialect that has a question for it."""

import orjson

from xroute.dialects.anthropic.parse import parse_count as parse_messages
from xroute.dialects.gemini.parse import parse_count as parse_contents
from xroute.dialects.openai_responses.parse import parse as parse_responses
from xroute.sim.answer import prompt_tokens
from xroute.sim.ask import SimRequest
from xroute.sim.checks import checked
from xroute.sim.shape import load, table
from xroute.sim.tasks.task import Json, Made, Task
from xroute.sim.tongues import anthropic, bedrock, gemini, responses
from xroute.sim.tongues.canonical import tidy


class Messages(Task):
    """POST /v1/messages/count_tokens."""

    def __init__(self, request: SimRequest, model: str = "", action: str = "") -> None:
        super().__init__(request, model, action)
        self.tongue = anthropic.Messages(request)

    def read(self) -> Json:
        return checked(tidy(parse_messages(self.request.body).body))

    def answer(self, body: Json, model: str, seed: int) -> Made:
        return Made(b'{"input_tokens":%d}' % prompt_tokens(body))


class Contents(Task):
    """POST .../models/{model}:countTokens."""

    def __init__(self, request: SimRequest, model: str = "", action: str = "") -> None:
        super().__init__(request, model, action)
        self.tongue = gemini.Generate(request, model, action)

    def read(self) -> Json:
        return checked(tidy(parse_contents(self.request.body, self._named).body))

    def answer(self, body: Json, model: str, seed: int) -> Made:
        return Made(b'{"totalTokens":%d}' % prompt_tokens(body))


class Inputs(Task):
    """POST /v1/responses/input_tokens."""

    def __init__(self, request: SimRequest, model: str = "", action: str = "") -> None:
        super().__init__(request, model, action)
        self.tongue = responses.Responses(request)

    def read(self) -> Json:
        return checked(tidy(parse_responses(self.request.body).body))

    def answer(self, body: Json, model: str, seed: int) -> Made:
        return Made(b'{"object":"response.input_tokens","input_tokens":%d}' % prompt_tokens(body))


class Converse(Task):
    """POST /model/{model}/count-tokens."""

    def __init__(self, request: SimRequest, model: str = "", action: str = "") -> None:
        super().__init__(request, model, action)
        self.tongue = bedrock.Converse(request, model, action)

    def read(self) -> Json:
        asked = table(table(load(self.request.body).get("input")).get("converse"))
        inner = SimRequest("POST", self.request.path, self.request.headers, orjson.dumps(asked))
        return checked(bedrock.Converse(inner, self._named).read())

    def answer(self, body: Json, model: str, seed: int) -> Made:
        return Made(b'{"inputTokens":%d}' % prompt_tokens(body))
