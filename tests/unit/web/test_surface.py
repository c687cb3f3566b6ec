"""The OpenAPI document says what the routes do."""

from tests.unit.web.dialogue import ask

from xroute.config.settings import TimeoutSettings
from xroute.errors import CallError
from xroute.routing.preferences import STRATEGIES, parse
from xroute.web.access import PUBLIC, TABLE

LINES = {tuple(line.split(" ")): access for line, access in TABLE.items()}


def described(path):
    return f"{path}{{id}}" if path.endswith("/") else path


async def document(app):
    answer = await ask(app, "GET", "/openapi.json", key=None)
    assert answer.status == 200
    return answer.json


def operations(made):
    return {
        (method.upper(), path): operation
        for path, methods in made["paths"].items()
        for method, operation in methods.items()
    }


async def test_every_route_is_described_and_nothing_else(app):
    hidden = ("GET", "/openapi.json")
    routes = {(method, described(path)) for method, path in LINES} - {hidden}
    below = "/v1/responses/{id}"  # one handler tells what stands behind the id
    routes -= {("POST", below)}
    routes |= {("POST", f"{below}/cancel"), ("GET", f"{below}/input_items")}
    assert operations(await document(app)).keys() == routes


async def test_what_needs_a_key_says_so(app):
    made = operations(await document(app))
    for (method, path), access in LINES.items():
        if (operation := made.get((method, described(path)))) is not None:
            assert bool(operation.get("security")) == (access is not PUBLIC), path
            assert "401" in operation["responses"] or access is PUBLIC, path


def references(value):
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


async def test_every_reference_leads_somewhere(app):
    made = await document(app)
    found = set(references(made))
    assert len(found) > 5
    for reference in found:
        place = made
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


async def test_operations_have_names_that_differ(app):
    names = [operation["operationId"] for operation in operations(await document(app)).values()]
    assert len(names) == len(set(names))


async def test_the_fields_of_the_provider_object_are_those_that_are_read(app):
    schema = (await document(app))["components"]["schemas"]["Preferences"]["properties"]
    assert tuple(schema["sort"]["enum"]) == STRATEGIES
    examples = {"array": ["groq"], "boolean": True, "object": {"prompt": 1, "completion": 1, "request": 1}}
    given = {name: examples[field["type"]] for name, field in schema.items() if name != "sort"}
    assert parse(given).only == {"groq"}


async def test_the_timeouts_of_a_request_are_those_of_the_config(app):
    schema = (await document(app))["components"]["schemas"]["ChatRequest"]["properties"]["timeouts"]
    assert set(schema["properties"]) == set(TimeoutSettings.model_fields)


async def test_a_call_may_end_in_every_status_that_we_have(app):
    def statuses(kind):
        return {kind.status}.union(*(statuses(child) for child in kind.__subclasses__()))

    chat = operations(await document(app))["POST", "/v1/chat/completions"]["responses"]
    assert {int(status) for status in chat} - {200} == statuses(CallError) - {405}
