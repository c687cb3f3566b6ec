"""OpenAI's chat completions, the tongue in which everything else is simulated too."""

from collections.abc import Iterator

import orjson

from xroute.sim.answer import Answer
from xroute.sim.bodies import DONE, Stream, completion, is_counted
from xroute.sim.failures import Problem, Refusal
from xroute.sim.shape import load
from xroute.sim.tongues.tongue import Json, Tongue


class Chat(Tongue):
    """POST /v1/chat/completions."""

    marker = b'"content":"'

    def read(self) -> Json:
        return load(self.request.body)

    def write(self, said: Answer, body: Json) -> bytes:
        return completion(said, body)

    def parts(self, said: Answer, body: Json) -> Iterator[bytes]:
        yield from Stream(said, body).events()
        yield DONE

    def closing(self, body: Json) -> int:
        """The finish reason, the usage where it is asked for, and [DONE]."""
        return 2 + is_counted(body)

    def refuse(self, problem: Problem) -> Refusal:
        return Refusal(problem.status, orjson.dumps({"error": error_object(problem)}), {})

    def failed(self, problem: Problem) -> bytes:
        return b"data: %b\n\n" % orjson.dumps({"error": error_object(problem)})

    def nothing(self) -> bytes:
        return DONE

    def emptied(self, body: Json) -> Json:
        return body | {"choices": []}


def error_object(problem: Problem) -> Json:
    """What stands under `error`."""
    return {
        "message": problem.message,
        "type": problem.type,
        "param": problem.param,
        "code": problem.code,
    }
