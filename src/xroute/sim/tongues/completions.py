"""The old completions: a prompt in, text out. platform.openai.com/docs/api-reference/completions."""

from collections.abc import Iterator

import orjson

from xroute.errors import InvalidRequest
from xroute.sim.answer import Answer
from xroute.sim.bodies import CREATED, DONE, is_counted, turns, usage
from xroute.sim.shape import entries, load
from xroute.sim.tongues.canonical import tidy
from xroute.sim.tongues.openai import Chat
from xroute.sim.tongues.tongue import Json


class Completions(Chat):
    """POST /v1/completions, of one prompt."""

    marker = b'"text":"'

    def read(self) -> Json:
        given = load(self.request.body)
        content = _prompt(given.get("prompt"))
        messages = [{"role": "user", "content": content}]
        return tidy({**given, "messages": messages, "logprobs": None, "top_logprobs": None})

    def write(self, said: Answer, body: Json) -> bytes:
        choices = [
            _choice(index, "".join(choice.pieces), choice.finish) for index, choice in enumerate(said.choices)
        ]
        return orjson.dumps({**_frame(said), "choices": choices, "usage": usage(said)})

    def parts(self, said: Answer, body: Json) -> Iterator[bytes]:
        for index, delta, finish, _ in turns(said, body):
            text = delta.get("content") or ""
            if text or finish:
                yield _event({**_frame(said), "choices": [_choice(index, text, finish)]})
            else:
                yield b""
        if is_counted(body):
            yield _event({**_frame(said), "choices": [], "usage": usage(said)})
        yield DONE


def _prompt(given: object) -> str:
    """One text, or one list of token numbers, which no tokenizer reads here."""
    if isinstance(given, str):
        return given
    listed = entries(given)
    if len(listed) == 1 and isinstance(listed[0], str):
        return listed[0]
    if listed and all(isinstance(each, int) for each in listed):
        return " ".join(map(str, listed))
    raise InvalidRequest("Invalid 'prompt': the simulator takes one.", param="prompt", code="invalid_value")


def _frame(said: Answer) -> Json:
    return {
        "id": said.id.replace("chatcmpl", "cmpl", 1),
        "object": "text_completion",
        "created": CREATED,
        "model": said.model,
    }


def _choice(index: int, text: str, finish: str | None) -> Json:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish}


def _event(body: Json) -> bytes:
    return b"data: %b\n\n" % orjson.dumps(body)
