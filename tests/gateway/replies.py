"""What a client of the gateway receives, read as strictly as the strictest client would."""

from dataclasses import dataclass, field
from typing import Any

import orjson

SECRETS = (b"sk-client", b"sk-upstream")  # every credential of these tests begins with one of them
TRACES = (b"Traceback", b'File "', b".py", b"xroute.errors", b"site-packages")


@dataclass
class Reply:
    """One answer; for a stream, `chunks` are its events in order."""

    status: int
    headers: dict[str, str]
    raw: bytes
    chunks: list[dict[str, Any]] = field(default_factory=list)
    done: bool = False  # the stream ended with [DONE], and nothing followed
    comments: int = 0

    @property
    def body(self) -> dict[str, Any]:
        return orjson.loads(self.raw)

    @property
    def error(self) -> dict[str, Any]:
        """The error object of the body, or the one inside the stream."""
        if not self.chunks:
            return self.body["error"]
        (found,) = [chunk["error"] for chunk in self.chunks if "error" in chunk]
        return found

    @property
    def error_type(self) -> str:
        return self.error["metadata"]["error_type"]

    @property
    def kinds(self) -> list[str]:
        """What each failed attempt came to."""
        return [each["kind"] for each in self.error["metadata"]["previous_errors"]]

    @property
    def text(self) -> str:
        """The content of the first choice, however it came."""
        if not self.is_stream:
            return self.body["choices"][0]["message"]["content"]
        choices = [choice for chunk in self.chunks for choice in chunk["choices"]]
        return "".join(choice["delta"].get("content") or "" for choice in choices)

    @property
    def finishes(self) -> list[str]:
        """Every finish reason that was given."""
        if not self.is_stream:
            return [choice["finish_reason"] for choice in self.body["choices"]]
        found = [choice.get("finish_reason") for chunk in self.chunks for choice in chunk["choices"]]
        return [reason for reason in found if reason]

    @property
    def usages(self) -> list[dict[str, Any]]:
        """Every usage object of a stream."""
        return [chunk["usage"] for chunk in self.chunks if chunk.get("usage")]

    @property
    def is_stream(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def attempts(self) -> int:
        return int(self.headers["x-xroute-attempts"])

    @property
    def provider(self) -> str | None:
        return self.headers.get("x-xroute-provider")


def read(status: int, headers: dict[str, str], raw: bytes) -> Reply:
    """The reply, after the checks that hold for every reply there is."""
    reply = Reply(status, headers, raw)
    everything = raw + repr(headers).encode()
    for word in SECRETS + TRACES:
        assert word not in everything, f"{word!r} in {everything[:2000]!r}"
    assert status != 500, raw
    if reply.is_stream:
        _read_events(reply)
    elif status >= 400:
        _check_error(reply)
    return reply


def _read_events(reply: Reply) -> None:
    assert reply.status == 200
    assert reply.raw.endswith(b"\n\n"), "the stream ends inside an event"
    for block in reply.raw.decode().removesuffix("\n\n").split("\n\n"):
        assert not reply.done, f"after [DONE]: {block}"
        if block.startswith(":"):
            reply.comments += 1
            continue
        assert block.startswith("data: ") and "\n" not in block, block
        if block == "data: [DONE]":
            reply.done = True
        else:
            reply.chunks.append(orjson.loads(block[6:]))


def _check_error(reply: Reply) -> None:
    """The one shape of every error."""
    error = reply.body["error"]
    assert reply.headers["content-type"] == "application/json"
    assert set(error) == {"message", "type", "code", "param", "metadata"}
    assert error["message"] and error["type"] and error["code"]
    metadata = error["metadata"]
    assert metadata["error_type"]
    assert metadata["request_id"] == reply.headers["x-request-id"]


def check_complete(reply: Reply, text: str) -> None:
    """A whole good answer with exactly this text."""
    assert reply.status == 200, reply.raw[:2000]
    assert reply.text == text
    assert reply.finishes == ["stop"]
    assert reply.done == reply.is_stream
    assert not any("error" in chunk for chunk in reply.chunks)


def check_broken(reply: Reply, text: str) -> None:
    """A stream that broke after content: some of the text, a typed error, and no sign of completeness."""
    assert reply.is_stream and reply.done
    assert text.startswith(reply.text) and reply.text != text
    assert reply.finishes == ["error"]
    last = reply.chunks[-1]
    assert last["id"] == reply.chunks[0]["id"]
    assert last["error"] == reply.error
    assert last["error"]["metadata"]["request_id"] == reply.headers["x-request-id"]
    (choice,) = last["choices"]
    assert (choice["index"], choice["delta"], choice["finish_reason"]) == (0, {}, "error")
    assert len({chunk["id"] for chunk in reply.chunks}) == 1
    assert not reply.usages
