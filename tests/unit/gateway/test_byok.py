"""Stored credentials in the fleet: whose they are, where they may go, and what is wrong with one."""

import asyncio
import secrets
from dataclasses import replace
from types import SimpleNamespace

import pytest
from sqlalchemy import insert, update

from xroute.config.secret import Secret
from xroute.errors import ConnectError, InvalidRequest, NotFound, RateLimited
from xroute.gateway import byok as module
from xroute.gateway.byok import AT_ONCE, Byok
from xroute.store import tables
from xroute.store.audit import Actor
from xroute.store.credentials import OURS, Credentials, Stored
from xroute.store.db import Database
from xroute.store.migrate import ready
from xroute.store.vault import MasterKey, Vault

ANNE = Actor("user", "user_1", "Anne", workspace="ws_a", operator=True)
GROQ = "providers: {groq: {api_key: gsk-of-the-config-0001}}\n"
MODEL = "groq/llama-3.3-70b-versatile"
MASTER = MasterKey(secrets.token_bytes(32))


class Exchange:
    def __init__(self, status: int) -> None:
        self.status, self.headers, self.closed = status, {"location": "https://evil.test/"}, False

    def close(self) -> None:
        self.closed = True


class Wire:
    """Answers every request with one status, and remembers who was asked."""

    def __init__(self) -> None:
        self.status, self.asked, self.broken, self.gate = 200, [], False, asyncio.Event()
        self.gate.set()

    async def send(self, method, target, body, timeouts):
        self.asked.append((method, target.url, dict(target.headers)))
        await self.gate.wait()
        if self.broken:
            raise ConnectError("refused")
        return Exchange(self.status)

    async def close(self) -> None:
        pass


class Rig:
    """A fleet of a config, with the credentials of a database."""

    def __init__(self, desk, db) -> None:
        self.desk, self.db, self.wire = desk, db, Wire()

    def start(self, text: str | None = None, **environ: str) -> None:
        environ = {"XROUTE_MASTER_KEY": MASTER.text()} | environ
        self.scene = self.desk.scene(text, **environ)
        self.fleet = self.scene.fleet
        self.credentials = Credentials(self.db, Vault(self.scene.loaded))
        self.byok = Byok(self.scene, self.credentials, {"https": self.wire, "http": self.wire})

    async def store(
        self, workspace: str, provider: str = "groq", secret: str = "gsk-stored-0123456789abcdef", **fields
    ):
        secret_ = Secret(secret)
        host = self.byok.place(provider, workspace=workspace)
        self.byok.check(provider, secret_)
        plain = {"name": "main", "weight": 1.0, "fallback": True, "disabled": False}
        wanted = Stored(
            "", workspace, provider, host=host, shown="", by="", created=0, changed=None, **(plain | fields)
        )
        made = await self.credentials.create(ANNE, wanted, secret_)
        await self.byok.reload()
        return made

    def ids(self, workspace: str = "", model: str = MODEL) -> list[str]:
        return [d.credential.id for group in self.fleet.lineup(model, workspace).groups for d in group]

    def sent(self, workspace: str = "", model: str = MODEL) -> list[str]:
        found = [d for group in self.fleet.lineup(model, workspace).groups for d in group]
        return [dict(d.target.headers).get("authorization", "") for d in found]


@pytest.fixture
async def rig(desk, tmp_path):
    db = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    await ready(db)
    async with db.write() as connection:
        for id_ in ("ws_a", "ws_b"):
            await connection.execute(insert(tables.workspaces).values(id=id_, name=id_, slug=id_, created=1))
    yield Rig(desk, db)
    await db.close()


async def test_ours_serve_everybody_beside_those_of_the_config(rig):
    rig.start(GROQ)
    made = await rig.store(OURS)
    for workspace in ("", "ws_a"):
        assert rig.ids(workspace) == ["groq/1", made.id]
    assert rig.sent()[1] == "Bearer gsk-stored-0123456789abcdef"


async def test_a_workspaces_own_serve_its_calls_alone_and_come_first(rig):
    rig.start(GROQ)
    made = await rig.store("ws_a")
    assert rig.ids("ws_a") == [made.id, "groq/1"]
    assert rig.ids("ws_b") == rig.ids("") == ["groq/1"]
    [own, ours] = rig.fleet.lineup(MODEL, "ws_a").groups[0]
    assert (own.workspace, ours.workspace) == ("ws_a", "")
    assert (await rig.store("ws_b")).id not in rig.ids("ws_a")


async def test_without_fallback_ours_are_left_alone_even_where_its_own_is_of_no_use(rig):
    rig.start(GROQ)
    made = await rig.store("ws_a", fallback=False)
    assert rig.ids("ws_a") == [made.id]
    async with rig.db.write() as connection:
        await connection.execute(update(tables.credentials).values(sealed=b"\x01", changed=5))
    await rig.byok.reload()
    with pytest.raises(NotFound, match="your credential main cannot be used"):
        rig.ids("ws_a")
    assert rig.ids("ws_b") == ["groq/1"]
    assert "Store the credential again" in rig.byok.problem((await rig.credentials.page("ws_a", 1)).data[0])


async def test_without_fallback_ours_at_other_providers_may_still_serve(rig):
    rig.start("providers: {groq: {api_key: gsk-1}, cerebras: {api_key: csk-1}}\n")
    made = await rig.store("ws_a", fallback=False)
    assert rig.ids("ws_a", "gpt-oss-120b") == [made.id, "cerebras/1"]


async def test_a_provider_that_the_config_does_not_use_serves_the_workspace_alone(rig):
    rig.start(None, GROQ_API_KEY="gsk-of-the-environment")
    made = await rig.store("ws_a", "openai", "sk-own-0123456789abcdef")
    assert rig.ids("ws_a", "gpt-4o") == [made.id]
    with pytest.raises(NotFound, match="openai \\(set OPENAI_API_KEY\\)"):
        rig.ids("ws_b", "gpt-4o")
    assert "openai/gpt-4o" in {m.id for m in rig.fleet.served("ws_a")}
    assert "openai/gpt-4o" not in {m.id for m in rig.fleet.served("ws_b")}


async def test_health_outlives_a_reload_and_a_new_secret_begins_anew(rig):
    rig.start(GROQ)
    made = await rig.store("ws_a")
    [[own, ours]] = rig.fleet.lineup(MODEL, "ws_a").groups
    await rig.store("ws_b")
    assert rig.fleet.lineup(MODEL, "ws_a").groups[0] == (own, ours)
    await rig.credentials.change(ANNE, "ws_a", made.id, {}, Secret("gsk-new-0123456789abcdefgh"))
    await rig.byok.reload()
    [[new, same]] = rig.fleet.lineup(MODEL, "ws_a").groups
    assert (new is own, same is ours) == (False, True)
    assert new.credential is not own.credential
    assert rig.sent("ws_a")[0] == "Bearer gsk-new-0123456789abcdefgh"


@pytest.mark.parametrize("how", ["disabled", "removed"])
async def test_what_is_disabled_or_deleted_is_gone_with_its_secret(rig, how):
    rig.start(GROQ)
    made = await rig.store("ws_a")
    assert made.id in rig.ids("ws_a")
    if how == "disabled":
        await rig.credentials.change(ANNE, "ws_a", made.id, {"disabled": True})
    else:
        await rig.credentials.remove(ANNE, "ws_a", made.id)
    await rig.byok.reload()
    assert rig.ids("ws_a") == ["groq/1"]
    assert all(d.credential.id != made.id for d in rig.fleet.made("ws_a"))


async def test_a_reload_without_a_change_leaves_the_fleet_as_it_is(rig):
    rig.start(GROQ)
    await rig.store("ws_a")
    version = rig.fleet.version
    await rig.byok.reload()
    assert rig.fleet.version == version


async def test_another_address_needs_a_word_before_the_credential_goes_there(rig):
    rig.start(GROQ)
    made = await rig.store("ws_a")
    moved = "providers: {groq: {api_key: gsk-of-the-config-0001, base_url: 'https://evil.test/v1'}}\n"
    rig.start(moved)
    await rig.byok.reload()
    assert rig.ids("ws_a") == ["groq/1"]
    problem = rig.byok.problem(made)
    assert problem.startswith("was stored for https://api.groq.com, and groq is now at https://evil.test: ")
    trial = await rig.byok.test(await rig.credentials.find("ws_a", made.id))
    assert (trial.verdict, rig.wire.asked) == ("unclear", [])
    await rig.credentials.confirm(ANNE, "ws_a", made.id, rig.byok.place("groq", workspace="ws_a"))
    await rig.byok.reload()
    assert rig.ids("ws_a") == [made.id, "groq/1"]
    assert rig.byok.problem(made) == ""


async def test_a_path_that_leads_to_another_host_is_not_taken(rig):
    rig.start(
        "providers: {groq: {api_key: gsk-1, base_url: 'https://api.groq.com', paths: {chat: ':444/chat'}}}\n"
    )
    await rig.store("ws_a")
    assert rig.ids("ws_a", "groq/llama-3.3-70b-versatile") == ["groq/1"]


@pytest.mark.parametrize(
    ("text", "provider", "reason"),
    [
        (GROQ, "openai", "not in the config's `providers`"),
        ("providers: {openai: {disabled: true}}\n", "openai", "disabled in the config"),
        (GROQ, "nobody", "no such provider is known"),
        (None, "azure", "set AZURE_RESOURCE_NAME"),
        (None, "vllm", "not in use here"),
        (None, "sim", "takes no credential"),
    ],
)
async def test_not_every_provider_takes_a_workspaces_credential(rig, text, provider, reason):
    rig.start(text)
    with pytest.raises(InvalidRequest, match=reason) as caught:
        rig.byok.place(provider, workspace="ws_a")
    assert caught.value.param == "provider"


async def test_a_section_may_leave_the_credential_to_the_api(rig):
    rig.start("providers: {openai: {keyless: true}}\n")
    made = await rig.store(OURS, "openai", "sk-stored-0123456789abcdef")
    assert rig.ids("", "gpt-4o") == [made.id]


async def test_the_simulator_steps_back_while_there_is_a_credential(rig):
    rig.start(None)
    assert "sim" in rig.fleet.hosts
    made = await rig.store("ws_a", "openai", "sk-own-0123456789abcdef")
    assert "sim" not in rig.fleet.hosts
    with pytest.raises(NotFound):
        rig.ids("ws_b", "gpt-4o")
    await rig.credentials.remove(ANNE, "ws_a", made.id)
    await rig.byok.reload()
    assert "sim" in rig.fleet.hosts


async def test_one_that_cannot_be_opened_takes_no_other_with_it(rig, caplog):
    rig.start(GROQ)
    bad, good = await rig.store("ws_a"), await rig.store("ws_b")
    async with rig.db.write() as connection:
        row = update(tables.credentials).where(tables.credentials.c.id == bad.id)
        await connection.execute(row.values(master="0123456789abcdef"))
    rig.start(GROQ)
    await rig.byok.reload()
    assert rig.ids("ws_a") == ["groq/1"]
    assert rig.ids("ws_b") == [good.id, "groq/1"]
    assert "set master_key (XROUTE_MASTER_KEY)" in rig.byok.problem(bad)
    await rig.byok.reload()
    assert sum(bad.id in line for line in caplog.messages) == 1  # told once, and not with every reload


@pytest.mark.parametrize(
    ("provider", "secret", "reason"),
    [
        ("bedrock", "AKIA0123456789ABCDEF", "secret key"),
        ("bedrock", "AKIA0123456789ABCDEF:", "secret key"),
        ("vertex", "/etc/passwd.json", "not the name of a file"),
        ("vertex", "{", "cannot be read"),
        ("vertex", '{"type":"external_account","token_url":"https://evil.test"}', "service account"),
        ("vertex", '{"type":"service_account","token_uri":"https://evil.test/token"}', "token_uri"),
        ("vertex", '{"type":"service_account"}', "token_uri"),
        (
            "vertex",
            '{"type":"service_account","token_uri":"https://oauth2.googleapis.com/token",'
            '"universe_domain":"evil.test"}',
            "universe_domain",
        ),
        ("groq", "gsk-ключ-0123456789", "cannot be called"),
    ],
)
async def test_a_stored_credential_borrows_nothing_of_this_machine_and_chooses_no_address(
    rig, provider, secret, reason
):
    rig.start(None, AWS_REGION="eu-west-1", GOOGLE_CLOUD_LOCATION="global", GOOGLE_CLOUD_PROJECT="p")
    rig.byok.place(provider, workspace="ws_a")
    with pytest.raises(InvalidRequest, match=reason) as caught:
        rig.byok.check(provider, Secret(secret))
    assert caught.value.param == "secret"
    assert secret not in caught.value.message


async def test_keys_that_sign_do_so_as_themselves_and_in_no_role_of_the_machine(rig):
    machine = {
        "AWS_REGION": "eu-west-1",
        "AWS_PROFILE": "root",
        "AWS_ROLE_TO_ASSUME": "arn:aws:iam::1:role/x",
    }
    rig.start(None, **machine)
    await rig.store("ws_a", "bedrock", "AKIA0123456789ABCDEF:secretsecretsecret")
    [[own]] = rig.fleet.lineup("bedrock/claude-opus-4-7", "ws_a").groups
    source = own.signer._source
    assert (source.access_key, source.profile, source.role) == ("AKIA0123456789ABCDEF", "", "")


async def test_a_secret_that_becomes_a_token_is_bound_to_where_that_is_made_too(rig):
    rig.start(
        "providers: {own: {base_url: 'https://llm.test/v1', auth: oauth, keyless: true, models: [{id: m}],"
        " token: {url: 'https://login.test/token', client_secret: '{key}'}}}\n"
    )
    made = await rig.store("ws_a", "own", "the-client-secret-0001")
    assert made.host == "https://llm.test https://login.test"
    [[own]] = rig.fleet.lineup("own/m", "ws_a").groups
    assert own.signer.transports["https"] is rig.wire


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, "ok"),
        (401, "refused"),
        (403, "refused"),
        (404, "unclear"),
        (429, "unclear"),
        (500, "unclear"),
        (302, "unclear"),
    ],
)
async def test_a_test_is_one_request_to_the_providers_list_of_models(rig, status, verdict):
    rig.start(GROQ)
    rig.wire.status = status
    made = await rig.store("ws_a")
    trial = await rig.byok.test(await rig.credentials.find("ws_a", made.id))
    assert (trial.verdict, trial.status) == (verdict, status)
    [(method, url, headers)] = rig.wire.asked
    assert (method, url) == ("GET", "https://api.groq.com/openai/v1/models")
    assert headers["authorization"] == "Bearer gsk-stored-0123456789abcdef"


async def test_a_provider_that_cannot_be_reached_is_told_as_such(rig):
    rig.start(GROQ)
    rig.wire.broken = True
    made = await rig.store("ws_a")
    trial = await rig.byok.test(await rig.credentials.find("ws_a", made.id))
    assert trial.verdict == "unreachable"
    assert "https://api.groq.com cannot be reached" in trial.text


async def test_only_so_many_tests_run_at_once(rig):
    rig.start(GROQ)
    made = await rig.store("ws_a")
    found = await rig.credentials.find("ws_a", made.id)
    rig.wire.gate.clear()
    running = [asyncio.create_task(rig.byok.test(found)) for _ in range(AT_ONCE)]
    async with asyncio.timeout(30):
        while len(rig.wire.asked) < AT_ONCE:
            await asyncio.sleep(0.001)
    with pytest.raises(RateLimited) as caught:
        await rig.byok.test(found)
    assert caught.value.retry_after_s == 1
    rig.wire.gate.set()
    assert {(await task).verdict for task in running} == {"ok"}


class Away(Credentials):
    """The database does not answer so many times."""

    times = 0

    async def everything(self):
        if self.times:
            self.times -= 1
            raise ConnectionRefusedError("away")
        return await super().everything()


async def test_with_the_database_away_all_stays_as_it_was_and_is_read_when_it_is_back(rig, monkeypatch):
    monkeypatch.setattr(module, "AGAIN_S", 0.001)
    rig.start(GROQ)
    rig.byok.credentials = rig.credentials = Away(rig.db, Vault(rig.scene.loaded))
    first = await rig.store("ws_a")
    second = await rig.credentials.create(
        ANNE, replace(first, name="second"), Secret("gsk-second-0123456789ab")
    )
    rig.credentials.times = 3
    await rig.byok.heard({second.id})
    assert rig.ids("ws_a") == [first.id, "groq/1"]
    async with asyncio.timeout(30):
        while second.id not in rig.ids("ws_a"):
            await asyncio.sleep(0.001)
    rig.credentials.times = 10**9
    await rig.byok.heard({second.id})
    await rig.byok.close()


async def test_a_secret_is_in_no_repr_of_what_is_made_of_it(rig):
    rig.start(GROQ)
    canary = "gsk-canary-0123456789abcdef-canary"
    made = await rig.store("ws_a", secret=canary)
    found = await rig.credentials.find("ws_a", made.id)
    [[own, _]] = rig.fleet.lineup(MODEL, "ws_a").groups
    shown = (rig.byok, rig.fleet, own, own.target, own.credential, found, rig.fleet.hosts_of("groq", "ws_a"))
    assert canary[5:-5] not in repr(shown) + repr(SimpleNamespace(x=rig.byok._known))
