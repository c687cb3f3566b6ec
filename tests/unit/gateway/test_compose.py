"""Settings, catalog and environment become a fleet; what cannot be is one clear error."""

import pytest
from tests.unit.gateway.composing import KEY, OPENAI

from xroute.catalog.entries import Provider
from xroute.gateway.compose import SIM, discovered
from xroute.upstream.discovery import Found
from xroute.wire.usage import Usage

MINIMAL = """\
keys: [{name: bench, key: sk-bench}]
providers:
  openai: {api_key: "${OPENAI_API_KEY}", base_url: "http://127.0.0.1:9100/v1"}
  my-vllm: {dialect: openai, base_url: "http://localhost:8000/v1", models: [{id: llama-3.3-70b, serves: meta/llama-3.3-70b}]}
models:
  smart: {fallback: [openai/gpt-4o, groq/llama-3.3-70b-versatile]}
prices:
  meta/llama-3.3-70b: {input: 0.2, output: 0.6}
"""  # noqa: E501  the form that the documentation shows


def hosts(scene):
    return {id_: host.problem for id_, host in scene.fleet.hosts.items()}


def deployments(scene, name):
    return [d for group in scene.fleet.lineup(name).groups for d in group]


def one(scene, name):
    [deployment] = deployments(scene, name)
    return deployment


def test_keys_of_the_environment_bring_their_providers(desk):
    scene = desk.scene(OPENAI_API_KEY="sk-1", GROQ_API_KEY="gsk-1", UNRELATED_API_KEY="x")
    assert hosts(scene) == {"openai": "", "groq": ""}
    assert not scene.simulated
    assert scene.fleet.hosts["groq"].origin == "GROQ_API_KEY"
    target = one(scene, "gpt-4o").target
    assert target.url == "https://api.openai.com/v1/chat/completions"
    assert ("authorization", "Bearer sk-1") in target.headers


def test_an_empty_variable_is_no_key(desk):
    assert desk.scene(OPENAI_API_KEY="  ").simulated


def test_without_any_key_the_simulator_serves_every_model(desk):
    scene = desk.scene()
    assert scene.simulated
    assert hosts(scene) == {"sim": ""}
    assert {m.id for m in scene.fleet.served()} == set(scene.fleet.catalog.models)
    for name in ("gpt-4o", "anthropic/claude-3-haiku-20240307", "sim"):
        assert one(scene, name).target.url == "sim:/chat/completions"


def test_the_simulator_serves_its_own_model_beside_real_providers(desk):
    scene = desk.scene("providers: {sim: {}, openai: {api_key: sk-1}}")
    assert not scene.simulated
    assert one(scene, "sim/sim").provider == "sim"
    assert [d.provider for d in deployments(scene, "gpt-4o")] == ["openai"]


def test_the_form_of_the_documentation_composes(desk):
    scene = desk.scene(MINIMAL, OPENAI_API_KEY=KEY)
    assert hosts(scene) == {"openai": "", "my-vllm": ""}
    own = one(scene, "meta/llama-3.3-70b")
    assert (own.provider, own.upstream) == ("my-vllm", "llama-3.3-70b")
    assert own.target.url == "http://localhost:8000/v1/chat/completions"
    assert own.target.headers == (("content-type", "application/json"),)
    assert own.price is not None
    assert own.price.cost(Usage(input=10**6, output=10**6)) == 800_000_000
    assert [d.id for d in deployments(scene, "smart")] == ["openai/gpt-4o@openai"]
    assert deployments(scene, "smart")[0].target.url == "http://127.0.0.1:9100/v1/chat/completions"


def test_only_the_providers_of_the_file_are_used(desk):
    assert hosts(desk.scene(OPENAI, GROQ_API_KEY="gsk-1")) == {"openai": ""}


def test_a_disabled_provider_is_not_used(desk):
    scene = desk.scene("providers: {openai: {api_key: sk-1}, groq: {api_key: sk-2, disabled: true}}")
    assert hosts(scene) == {"openai": ""}


def test_serves_may_name_a_model_that_nobody_knew(desk):
    scene = desk.scene(
        "providers: {mine: {base_url: 'http://h.test/v1', models: ["
        "{id: weights-7, serves: team/secret, context: 4096, output: 512, abilities: [tools]}, {id: plain}]}}"
    )
    secret = one(scene, "team/secret")
    assert (secret.upstream, secret.context, secret.output) == ("weights-7", 4096, 512)
    assert secret.abilities == {"tools"}
    assert secret.price is None
    plain = one(scene, "mine/plain")
    assert (plain.upstream, plain.abilities, one(scene, "plain")) == ("plain", None, plain)
    assert {m.id for m in scene.fleet.served()} == {"team/secret", "mine/plain"}


def test_two_providers_may_serve_one_new_model(desk):
    scene = desk.scene(
        "providers:\n"
        "  a: {base_url: 'http://a.test/v1', models: [{id: x, serves: team/m}]}\n"
        "  b: {base_url: 'http://b.test/v1', models: [{id: y, serves: team/m}]}\n"
    )
    assert [(d.provider, d.upstream) for d in deployments(scene, "team/m")] == [("a", "x"), ("b", "y")]


def test_a_serving_may_lack_what_the_model_has(desk):
    scene = desk.scene(
        "providers: {mine: {base_url: 'http://h.test/v1', models: ["
        "{id: x, serves: openai/gpt-4o, without: [image], context: 1000},"
        "{id: y, serves: openai/gpt-4o-mini, abilities: [tools]}]}}"
    )
    assert "image" not in (one(scene, "gpt-4o").abilities or ())
    assert "tools" in (one(scene, "gpt-4o").abilities or ())
    assert one(scene, "gpt-4o").context == 1000
    assert one(scene, "gpt-4o-mini").abilities == {"tools"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "models:\n  a:\n    fallback:\n      - openai/gpt-4o\n      - openai/gpt-4oo\n",
            "xroute.yaml:6 models.a.fallback[1]: no model 'openai/gpt-4oo' is known; near it: openai/gpt-4o",
        ),
        (
            "models: {a: {fallback: [b]}, b: {fallback: [gpt-4o]}}",
            "models.a.fallback[0]: 'b' is a route itself",
        ),
        (
            "models: {a: {fallback: ['gpt-4o:floor']}}",
            "models.a.fallback[0]: 'gpt-4o:floor' has a suffix; give the route a strategy instead",
        ),
        ("prices: {openai/gpt-5x-not: {input: 1}}", "prices.openai/gpt-5x-not: no model 'openai/gpt-5x-not'"),
    ],
)
def test_a_model_that_nobody_knows_is_an_error_with_file_line_and_key(desk, text, told):
    message = desk.refusal(OPENAI + text)
    assert message.startswith("xroute.yaml:")
    assert told in message


def test_a_model_that_a_local_server_may_have_can_be_priced_before_it_is_found(desk):
    assert desk.scene(OPENAI + "prices: {ollama/llama3: {input: 1, output: 1}}").fleet.hosts.keys() == {
        "openai"
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("providers:\n  nobody: {api_key: sk-1}\n", "xroute.yaml:2 providers.nobody: is not in the catalog"),
        ("providers:\n  groq: {}\n", "xroute.yaml:2 providers.groq: has no credential: set api_key"),
        (
            "providers:\n\n  cloudflare: {api_key: k}\n",
            "xroute.yaml:3 providers.cloudflare: set CLOUDFLARE_ACCOUNT_ID",
        ),
    ],
)
def test_a_provider_that_the_config_names_and_that_cannot_be_used_is_an_error(desk, text, told):
    assert told in desk.refusal(text)


def test_what_the_environment_holds_and_cannot_be_used_is_reported_and_not_fatal(desk):
    scene = desk.scene(OPENAI_API_KEY="sk-1", CLOUDFLARE_API_TOKEN="t", AWS_BEARER_TOKEN_BEDROCK="b")
    problems = hosts(scene)
    assert problems["openai"] == ""
    assert problems["cloudflare"].startswith("set CLOUDFLARE_ACCOUNT_ID")
    assert problems["bedrock"].startswith("set AWS_REGION")
    assert {"cloudflare", "bedrock"}.isdisjoint(
        d.provider for d in scene.fleet.deployments("openai/gpt-oss-120b")
    )


def test_where_nobody_can_be_used_the_simulator_answers(desk):
    scene = desk.scene(AWS_BEARER_TOKEN_BEDROCK="b")
    assert scene.simulated
    assert one(scene, "gpt-4o").provider == "sim"


def test_with_its_account_cloudflare_has_an_address(desk):
    scene = desk.scene(CLOUDFLARE_API_TOKEN="t", CLOUDFLARE_ACCOUNT_ID="acc")
    assert hosts(scene) == {"cloudflare": ""}
    [first, *_] = scene.fleet.served()
    assert "/accounts/acc/" in scene.fleet.deployments(first.id)[0].target.url


def test_each_credential_is_a_deployment_of_its_own(desk):
    scene = desk.scene(
        "providers: {openai: {api_key: sk-1, api_keys: [sk-2, {key: sk-3, name: spare, weight: 0.5}]}}"
    )
    found = deployments(scene, "gpt-4o")
    assert [d.id for d in found] == [f"openai/gpt-4o@openai#{n}" for n in (1, 2, 3)]
    assert [d.credential.id for d in found] == ["openai/1", "openai/2", "openai/spare"]
    assert [d.credential.weight for d in found] == [1.0, 1.0, 0.5]
    assert [dict(d.target.headers)["authorization"] for d in found] == [f"Bearer sk-{n}" for n in (1, 2, 3)]


def test_models_of_one_provider_share_the_state_of_its_credential(desk):
    scene = desk.scene(OPENAI)
    assert one(scene, "gpt-4o").credential is one(scene, "gpt-4o-mini").credential
    assert one(scene, "gpt-4o").health is not one(scene, "gpt-4o-mini").health


def test_timeouts_quirks_weights_and_headers_reach_the_deployments(desk):
    scene = desk.scene(
        "timeouts: {connect: 2, total: 90}\n"
        "providers:\n  openai:\n    api_key: sk-1\n    weight: 2.5\n"
        "    timeouts: {first_token: 7, between_chunks: null}\n"
        "    quirks: {drop: [seed], rename: {max_tokens: n_predict}, developer_role: false}\n"
        "    headers: {x-team: blue}\n    query: {v: '1'}\n"
        "models: {quick: {fallback: [gpt-4o], strategy: latency, timeouts: {first_token: 3}}}\n"
    )
    made = one(scene, "gpt-4o")
    assert made.weight == 2.5
    assert (made.timeouts.connect, made.timeouts.first_token, made.timeouts.total) == (2, 7, 90)
    assert made.timeouts.between_chunks is None
    assert made.quirks.drop == {"seed"}
    assert made.quirks.rename == {"max_tokens": "n_predict"}
    assert made.quirks.developer_role is False
    assert ("x-team", "blue") in made.target.headers
    assert made.target.url.endswith("?v=1")
    lineup = scene.fleet.lineup("quick")
    assert lineup.strategy == "latency"
    assert lineup.timeouts is not None
    assert lineup.timeouts.changes() == {"first_token": 3}


def test_quirks_that_the_config_does_not_name_stay_as_the_catalog_has_them(desk):
    plain = one(desk.scene(OPENAI), "gpt-4o").quirks
    changed = one(desk.scene("providers: {openai: {api_key: sk-1, quirks: {drop: [seed]}}}"), "gpt-4o").quirks
    assert plain.max_completion_tokens
    assert changed.max_completion_tokens
    assert changed.drop == {"seed"}


def local(id_, port, **facts):
    url = f"http://127.0.0.1:{port}/v1"
    return Provider(id=id_, name=id_, dialect="openai", base_url=url, local=True, port=port, **facts)


OLLAMA = local("ollama", 11434, auth="none")
VLLM = local("vllm", 8000, env=("VLLM_API_KEY",))


def test_a_server_found_on_this_machine_is_added_and_deployments_keep_their_health(desk):
    scene = desk.scene(OPENAI_API_KEY="sk-1")
    before = one(scene, "gpt-4o")
    before.health.in_flight = 3
    assert discovered(scene, [Found(OLLAMA, ("llama3", "qwen3"))])
    assert set(hosts(scene)) == {"openai", "ollama"}
    found = one(scene, "ollama/llama3")
    assert found.target.url == "http://127.0.0.1:11434/v1/chat/completions"
    assert found.price is not None
    assert found.price.cost(Usage(input=10**6, output=10**6)) == 0
    assert one(scene, "llama3") is found
    assert one(scene, "gpt-4o") is before
    assert scene.fleet.hosts["ollama"].origin == "port 11434"


def test_finding_nothing_new_changes_nothing(desk):
    scene = desk.scene(OPENAI_API_KEY="sk-1")
    assert not discovered(scene, [])
    assert discovered(scene, [Found(OLLAMA, ("llama3",))])
    version = scene.fleet.version
    assert not discovered(scene, [Found(OLLAMA, ("llama3",))])
    assert scene.fleet.version == version
    assert discovered(scene, [Found(OLLAMA, ("llama3", "phi4"))])
    assert one(scene, "phi4").provider == "ollama"


def test_the_simulator_steps_back_for_a_server_that_was_found(desk):
    scene = desk.scene()
    assert one(scene, "gpt-4o").provider == "sim"
    assert discovered(scene, [Found(OLLAMA, ("llama3",))])
    assert set(hosts(scene)) == {"ollama"}
    assert {m.id for m in scene.fleet.served()} == {"ollama/llama3"}
    assert SIM.id not in scene.fleet.hosts


def test_a_simulator_that_the_config_names_stays(desk):
    scene = desk.scene("providers: {sim: {}}")
    discovered(scene, [Found(OLLAMA, ("llama3",))])
    assert set(hosts(scene)) == {"sim", "ollama"}


def test_a_found_server_takes_its_key_from_the_environment(desk):
    scene = desk.scene(OPENAI_API_KEY="sk-1", VLLM_API_KEY="sk-vllm")
    discovered(scene, [Found(VLLM, ("qwen",))])
    assert ("authorization", "Bearer sk-vllm") in one(scene, "vllm/qwen").target.headers
