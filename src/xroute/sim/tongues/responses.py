"""OpenAI's Responses."""

from typing import Any

import orjson

from xroute.dialects.openai_responses.parse import parse
from xroute.dialects.openai_responses.thought import format_of
from xroute.sim.answer import Choice
from xroute.sim.bodies import CREATED
from xroute.sim.failures import Problem, Refusal
from xroute.sim.shape import entries, load, table
from xroute.sim.tongues.canonical import tidy
from xroute.sim.tongues.openai import error_object
from xroute.sim.tongues.tongue import Json, Surfaced, signature

_SEALED = "reasoning.encrypted_content"


class Responses(Surfaced):
    """POST /v1/responses."""

    def read(self) -> Json:
        given = load(self.request.body)
        call = parse(self.request.body)
        self.surface = call.surface
        reasoning = table(given.get("reasoning"))
        self._told = bool(reasoning.get("summary") or reasoning.get("generate_summary"))
        self._sealed = _SEALED in entries(given.get("include"))
        return tidy(call.body)

    def shows(self) -> bool:
        return self._told

    def details(self, choice: Choice, text: str, *, last: bool) -> list[Json]:
        """A summary and the encrypted content, each where it is asked for."""
        own = {"format": format_of(""), "id": f"rs_{signature(choice)[:24].encode().hex()}"}
        found: list[Json] = []
        if self._told:
            found.append({"type": "reasoning.summary", "summary": text, "index": 0, **own})
        elif last:
            found.append({"type": "reasoning.summary", "summary": "", "index": 0, **own})
        if last and self._sealed:
            found.append({"type": "reasoning.encrypted", "data": signature(choice), "index": 1, **own})
        return found

    def refuse(self, problem: Problem) -> Refusal:
        return Refusal(problem.status, orjson.dumps({"error": error_object(problem)}), {})

    def failed(self, problem: Problem) -> bytes:
        """An error, and the response that it ends."""
        code = problem.code or "server_error"
        error: Json = {"type": "error", "code": code, "message": problem.message, "param": problem.param}
        response: Json = {
            "id": "resp_sim",
            "object": "response",
            "created_at": CREATED,
            "status": "failed",
            "error": {"code": code, "message": problem.message},
            "output": [],
        }
        return _event({**error, "sequence_number": 0}) + _event(
            {"type": "response.failed", "sequence_number": 1, "response": response}
        )

    def nothing(self) -> bytes:
        return b"data: [DONE]\n\n"

    def emptied(self, body: Json) -> Json:
        return {name: value for name, value in body.items() if name != "output"}


def _event(body: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (body["type"].encode(), orjson.dumps(body))
