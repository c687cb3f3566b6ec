"""Recorded answers of real providers come out as the provider meant them, file by file."""

import json
from pathlib import Path

import pytest
from tests.wire.recordings import SHARED, files
from tests.wire.run import run

README = Path(__file__).with_name("README.md")

# A line of the README's list: "- `file.jsonl.xz:12`: why".
KNOWN = frozenset(line.split("`")[1] for line in README.read_text().splitlines() if line.startswith("- `"))


@pytest.mark.skipif(not files(), reason=f"no recordings at ../{SHARED.relative_to(SHARED.parents[2])}")
@pytest.mark.parametrize("path", files(), ids=lambda path: path.name.removesuffix(".jsonl.xz"))
def test_every_recording_of_a_provider_is_replayed_rightly(path: Path) -> None:
    failures = [line for line in run([path]).failures if line.split()[0] not in KNOWN]
    assert not failures, "\n".join(failures[:20])


CHUNK = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def recorded(tmp_path: Path, **changes: object) -> Path:
    """A file with one recorded stream."""
    said = {"index": 0, "delta": {"content": "hi"}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    events = [{**CHUNK, "choices": [said]}, {**CHUNK, "choices": [end], "usage": USAGE}]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    row = {"endpoint": "chat.completions", "status": 200, "streaming": True, "response_body": body, **changes}
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(row) + "\n")
    return path


def test_a_plain_jsonl_file_is_read_too(tmp_path: Path) -> None:
    outcome = run([recorded(tmp_path)])
    assert (outcome.passed, outcome.failures) == (1, [])


def test_a_capped_body_is_skipped_with_its_reason(tmp_path: Path) -> None:
    outcome = run([recorded(tmp_path, response_notes=["truncated"])])
    assert outcome.skipped == {"the recorded body is capped": 1}


def test_another_endpoint_is_counted_and_left_alone(tmp_path: Path) -> None:
    outcome = run([recorded(tmp_path, endpoint="batches")])
    assert outcome.beside == {"batches": 1}
    assert outcome.passed == 0


@pytest.mark.parametrize(
    ("chunk", "reason"),
    [
        (
            '{"choices": [{"delta": {"tool_calls": [{"custom": {}, "type": "custom"}]}}]}',
            "not a Chat",
        ),
        ('{"choices": [{"delta": {"content": "a"}, "finish_reason": "odd word"}]}', "another finish"),
    ],
)
def test_what_does_not_agree_is_a_failure_with_its_line(tmp_path: Path, chunk: str, reason: str) -> None:
    outcome = run([recorded(tmp_path, response_body=f"data: {chunk}\n\n")])
    assert [line.startswith("one.jsonl:1 ") and reason in line for line in outcome.failures] == [True]


def test_an_error_of_another_class_than_its_status_says_is_a_failure(tmp_path: Path) -> None:
    body = json.dumps({"error": {"message": "the context window is too small", "code": "insufficient_quota"}})
    outcome = run([recorded(tmp_path, status=400, streaming=False, response_body=body)])
    assert len(outcome.failures) == 1
