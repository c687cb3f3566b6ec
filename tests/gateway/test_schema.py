"""The gateway against its own OpenAPI document: made-up requests, right and wrong ones, and their answers."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.gateway.wires import KEY

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# What is asked of the database, which this gateway has not: tests/gateway/test_accounts.py.
KEPT = {"GET /v1/credits", "GET /v1/key", "GET /v1/generation"}
OPERATIONS = {
    "POST /v1/chat/completions": 150,
    "POST /v1/completions": 20,
    "POST /v1/embeddings": 20,
    "POST /v1/rerank": 20,
    "POST /v2/rerank": 10,
    "POST /v1/moderations": 20,
    "POST /v1/images/generations": 20,
    "POST /v1/images/edits": 10,
    "POST /v1/audio/speech": 20,
    "POST /v1/audio/transcriptions": 10,
    "POST /v1/audio/translations": 10,
    "POST /v1/messages": 40,
    "POST /v1/messages/count_tokens": 20,
    "POST /v1beta/models/{id}": 20,
    "POST /v1/models/{id}": 10,
    "GET /v1beta/models": 5,
    "GET /v1beta/models/{id}": 10,
    "POST /v1/responses": 40,
    "POST /v1/responses/compact": 10,
    "POST /v1/responses/input_tokens": 10,
    "GET /v1/responses/{id}": 10,
    "DELETE /v1/responses/{id}": 10,
    "POST /v1/responses/{id}/cancel": 10,
    "GET /v1/responses/{id}/input_items": 10,
    "GET /v1/models/{id}": 40,
    "GET /v1/models": 5,
    "GET /api/v1/health/deployments": 5,
    "GET /healthz": 3,
    "GET /readyz": 3,
    "GET /metrics": 3,
}


@dataclass
class Desk:
    """The running gateway, and its document read by schemathesis."""

    stage: Any
    schema: Any


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(lodge):
    stage = await lodge.stage(providers={})
    document = (await stage.client.get("/openapi.json")).json()
    return Desk(stage, schemathesis.openapi.from_dict(document))


# A request that is answered, beside the model; where there is none the made-up ones are tried alone.
HELLO = [{"role": "user", "content": "Hi"}]
PLAIN = {
    "POST /v1/chat/completions": {"messages": HELLO, "provider": None, "timeouts": None},
    "POST /v1/completions": {"prompt": "Hi"},
    "POST /v1/embeddings": {"input": "Hi"},
    "POST /v1/rerank": {"query": "Hi", "documents": ["a", "b"]},
    "POST /v1/moderations": {"input": "Hi"},
    "POST /v1/images/generations": {"prompt": "A cat"},
    "POST /v1/audio/speech": {"input": "Hi", "voice": "alloy"},
    "POST /v1/messages": {"messages": HELLO, "max_tokens": 9},
    "POST /v1/messages/count_tokens": {"messages": HELLO},
    "POST /v1/responses": {"input": "Hi"},
    "POST /v1/responses/compact": {"input": "Hi"},
    "POST /v1/responses/input_tokens": {"input": "Hi"},
}


def _serve(body, label, *, plain):
    """Made-up names are hardly ever a model's; every other request may be one that is answered."""
    body |= {"model": "sim", "models": None}
    if "timeouts" in body:  # a time of 5e-324 s is over before it began
        body["timeouts"] = None
    if plain and label in PLAIN:
        if "chat" not in label:
            body.clear()
        body |= {"model": "sim"} | PLAIN[label]


def _judge(operation, mode, label, port, key, checks):
    """Runs so many made-up requests, outside the event loop that serves them; how often each status came."""
    statuses = Counter()
    headers = {"authorization": f"Bearer {key}"}

    @settings(
        max_examples=OPERATIONS[label],
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case):
        if isinstance(case.body, dict) and mode is GenerationMode.POSITIVE:
            _serve(case.body, label, plain=statuses.total() % 2 == 0)
        response = case.call(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60)
        statuses[response.status_code] += 1
        case.validate_response(response, checks=checks)
        assert b"Traceback" not in response.content

    run()
    return statuses


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize("label", OPERATIONS)
async def test_every_answer_is_as_the_document_says(desk, label, mode):
    method, _, path = label.partition(" ")
    operation = desk.schema[path][method]
    if mode is GenerationMode.NEGATIVE and not (operation.body or list(operation.iter_parameters())):
        pytest.skip("there is nothing to send that could be wrong")
    statuses = await asyncio.to_thread(_judge, operation, mode, label, desk.stage.port, KEY, CHECKS)
    if label in PLAIN:
        assert statuses[200 if mode is GenerationMode.POSITIVE else 400] > OPERATIONS[label] / 10, statuses


async def test_every_operation_of_the_document_is_tried(desk):
    found = {result.ok().label for result in desk.schema.get_all_operations()}
    managed = {label for label in found if label.split(" ")[1].startswith("/api/v1/")}
    assert found - managed - KEPT == set(OPERATIONS) - managed  # those are tried in tests/api/test_schema.py


async def test_the_document_is_valid_openapi(desk):
    await asyncio.to_thread(desk.schema.validate)
