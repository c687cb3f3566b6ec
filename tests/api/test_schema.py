"""The management API against its own document: made-up requests, right and wrong ones, and their answers."""

import asyncio
from collections import Counter

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.api.office import ADMIN_TOKEN
from tests.gateway.stage import listening

from xroute.web.server import Server

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 5  # of each operation and mode
# What ends the operator's own way in, or asks somebody outside.
LEFT_OUT = {"GET /api/v1/auth/link/{code}"}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
async def test_every_answer_is_as_the_document_says(whole, database_url, mode):
    async with whole(database_url) as office:
        for tries in (office.persons.tries.address, office.persons.tries.fresh):
            tries._limit = 10**9
        server = Server(office.app, "127.0.0.1", 0)
        serving = asyncio.create_task(server.serve())
        try:
            statuses = await asyncio.to_thread(judge_all, await listening(server), mode)
        finally:
            server.stop()
            await serving
    assert statuses[400] > 20
    if mode is GenerationMode.POSITIVE:
        assert statuses[200] > 20 and statuses[404] > 20


def judge_all(port, mode):
    base = f"http://127.0.0.1:{port}"
    document = httpx2.get(f"{base}/openapi.json", trust_env=False, timeout=60).json()
    schema = schemathesis.openapi.from_dict(document)
    statuses = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()
        if not operation.path.startswith("/api/v1/") or operation.label in LEFT_OUT:
            continue
        if mode is GenerationMode.POSITIVE or operation.body or list(operation.iter_parameters()):
            statuses += judge(operation, mode, base)
    return statuses


def judge(operation, mode, base):
    statuses = Counter()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case):
        headers = {"authorization": f"Bearer {ADMIN_TOKEN}"}
        response = case.call(base_url=base, headers=headers, timeout=60, allow_redirects=False)
        statuses[response.status_code] += 1
        if response.status_code not in (414, 431):  # the server's own, before anybody looks at the path
            case.validate_response(response, checks=CHECKS)
        assert b"Traceback" not in response.content

    run()
    return statuses
