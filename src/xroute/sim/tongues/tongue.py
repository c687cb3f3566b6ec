"""What every dialect that the simulator speaks can do: read a request, write its answer and its errors."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import orjson

from xroute.sim import frames
from xroute.sim.answer import Answer, Choice
from xroute.sim.ask import SimRequest
from xroute.sim.bodies import CREATED, choices, turns, usage
from xroute.sim.failures import Problem, Refusal, whole
from xroute.sim.steps import Step
from xroute.wire.chunk import Chunk
from xroute.wire.surface import Surface

Json = dict[str, Any]
JSON = "application/json"


class Tongue:
    """One request of one dialect. `read` comes first: it also tells how the answer is to be written."""

    framing: frames.Frames = frames.SSE
    media = JSON  # content type of a whole answer
    identity = "x-request-id"  # the header that names the request
    marker = b'"text":"'  # where more text fits into a whole answer

    def __init__(self, request: SimRequest, model: str = "", action: str = "") -> None:
        """`model` and `action` are what stands in the path."""
        self.request = request
        self.named = "req_sim"  # the request's own id
        self.asked = ""  # the model's name, once the request is read
        self._model = model
        self._action = action

    def read(self) -> Json:
        """The request in canonical form; InvalidRequest for what cannot be one."""
        raise NotImplementedError

    def write(self, said: Answer, body: Json) -> bytes:
        """The whole answer."""
        raise NotImplementedError

    def parts(self, said: Answer, body: Json) -> Iterator[bytes]:
        """The stream: a part for each canonical event, b"" where it says nothing in this dialect.

        The last `closing` parts hold everything from the finish reason on.
        """
        raise NotImplementedError

    def closing(self, body: Json) -> int:
        """How many parts of a stream follow the last content."""
        return 1

    def refuse(self, problem: Problem) -> Refusal:
        """An error answer."""
        raise NotImplementedError

    def told(self, problem: Problem) -> list[Step]:
        """The steps of an error answer, with the time to wait in the headers."""
        refusal, after_s = self.refuse(problem), problem.retry_after_s
        headers = {self.identity: self.named, **refusal.headers}
        if after_s is not None:
            headers |= {"retry-after": f"{after_s:g}", "retry-after-ms": f"{after_s * 1000:.0f}"}
        return whole(refusal.status, refusal.body, headers)

    def failed(self, problem: Problem) -> bytes:
        """An error inside a stream."""
        raise NotImplementedError

    def nothing(self) -> bytes:
        """A stream that ends without any content."""
        return b""

    def emptied(self, body: Json) -> Json:
        """A whole answer without its content."""
        raise NotImplementedError


class Surfaced(Tongue):
    """A dialect that the gateway's clients speak too: its surface writes the answers."""

    surface: Surface

    def details(self, choice: Choice, text: str, *, last: bool) -> list[Json]:
        """The `reasoning_details` of a piece of reasoning; `last`: the one that ends it."""
        return []

    def shows(self) -> bool:
        """Whether the reasoning's text is for the client to see."""
        return True

    def write(self, said: Answer, body: Json) -> bytes:
        found = [
            self._whole(choice, own) for choice, own in zip(choices(said, body), said.choices, strict=True)
        ]
        return self.surface.write({**envelope(said), "choices": found, "usage": usage(said)})

    def parts(self, said: Answer, body: Json) -> Iterator[bytes]:
        encoder = self.surface.encoder(said.id, CREATED)
        held: Chunk | None = None
        for index, delta, finish, logprobs in turns(said, body):
            if held is not None:
                yield encoder.feed([held])
            told = self._thinking(delta, said.choices[index])
            choice: Json = {"index": index, "delta": told, "logprobs": logprobs, "finish_reason": finish}
            if finish and said.choices[index].met:
                choice["stop_sequence"] = said.choices[index].met
            made = {**envelope(said), "choices": [choice]}
            held = Chunk(orjson.dumps(made), finish=finish is not None, body=made)
        last = orjson.dumps({**envelope(said), "choices": [], "usage": usage(said)})
        yield (encoder.feed([held]) if held else b"") + encoder.finish(last)

    def _whole(self, choice: Json, own: Choice) -> Json:
        message: Json = choice["message"]
        text = message.pop("reasoning_content", None)
        if text:
            message |= self._thought(own, text, last=True)
        return {**choice, "stop_sequence": own.met} if own.met else choice

    def _thinking(self, delta: Json, own: Choice) -> Json:
        """A delta whose piece of reasoning is told in canonical form; `last` is known by the count."""
        text = delta.pop("reasoning_content", None)
        if text is None:
            return delta
        return self._thought(own, text, last=bool(delta.pop("reasoning_ends", False)))

    def _thought(self, own: Choice, text: str, *, last: bool) -> Json:
        made: Json = {"reasoning": text} if self.shows() else {}
        if found := self.details(own, text, last=last):
            made["reasoning_details"] = found
        return made


def envelope(said: Answer) -> Json:
    """What stands around the choices."""
    return {"id": said.id, "object": "chat.completion.chunk", "created": CREATED, "model": said.model}


def signature(choice: Choice) -> str:
    """What a provider would sign this reasoning with."""
    data = "".join(choice.reasoning).encode()
    return b64encode(hashlib.blake2b(data, digest_size=48).digest()).decode()


def identify(said: Answer, digits: int = 24) -> str:
    """Hexadecimal digits that belong to this answer."""
    return hashlib.blake2b(said.id.encode(), digest_size=32).hexdigest()[:digits]


def uuid_of(said: Answer) -> str:
    """An id as many providers write theirs."""
    digits = identify(said, 32)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
