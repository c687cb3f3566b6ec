"""Signing in by another issuer, which is a real one on a port of its own."""

from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey
from tests.api.issuer import CLIENT, SECRET, Issuer
from tests.api.office import PASSWORD

from xroute.errors import ConfigError
from xroute.store import tables

ANA = "ana@example.com"
START = "/api/v1/auth/oidc/corp"


@pytest.fixture
async def issuer():
    issuer = Issuer()
    await issuer.start()
    yield issuer
    await issuer.stop()


def config(issuer, name="corp", **more):
    entry = {"name": name, "issuer": issuer.url, "client_id": CLIENT, "client_secret": SECRET} | more
    return f"sign_in: {{oidc: [{entry}]}}\n"


@pytest.fixture
async def office(build, sqlite, issuer):
    return await build(sqlite, config(issuer, domains=["example.com"]))


async def arrive(caller, issuer, start=START, **sent):
    """Goes to the issuer and comes back from it."""
    begun = await caller.get(start)
    assert begun.status == 303, begun.body
    code, state = issuer.authorize(begun.headers["location"])
    query = "&".join(f"{name}={value}" for name, value in ({"code": code, "state": state} | sent).items())
    return await caller.get(f"{start.partition('?')[0]}/callback?{query}")


async def test_somebody_of_an_allowed_domain_comes_in_and_is_known_again(build, database, issuer):
    office = await build(database, config(issuer, domains=["example.com"], role="viewer"))
    ana = office.nobody()
    answer = await arrive(ana, issuer, f"{START}?to=/usage")
    assert (answer.status, answer.headers["location"]) == (303, "/usage")
    me = (await ana.get("/api/v1/me")).json
    assert (me["name"], me["role"], me["workspace"], me["operator"]) == (ANA, "viewer", "ws_main", False)
    assert me["user"]["verified"] and not me["user"]["has_password"]
    assert "xroute_oidc" not in ana.cookies
    issuer.claims["email"] = "renamed@elsewhere.example"  # who they are is their subject
    again = office.nobody()
    assert (await arrive(again, issuer)).status == 303
    assert (await again.get("/api/v1/me")).json["user"]["id"] == me["user"]["id"]
    assert len(await office.rows(tables.users)) == 1


async def test_what_the_issuer_is_asked_holds_a_challenge_and_no_secret(office, issuer):
    begun = await office.nobody().get(START, host="evil.example")
    location = begun.headers["location"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    assert location.startswith(f"{issuer.url}/authorize?")
    assert asked["redirect_uri"] == f"http://127.0.0.1:8790{START}/callback"
    assert asked["scope"] == "openid email profile"
    assert len(asked["state"]) == len(asked["nonce"]) == 43
    cookie = begun.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and f"Path={'/api/v1/auth/oidc'}" in cookie
    assert SECRET not in location + cookie


async def test_issuers_are_listed_for_whoever_has_not_signed_in(office):
    listed = (await office.nobody().get("/api/v1/auth/oidc")).json["data"]
    assert listed == [{"name": "corp", "path": START}]
    unknown = await office.nobody().get("/api/v1/auth/oidc/other")
    assert (unknown.status, unknown.error["code"]) == (404, "issuer_not_found")


FORGED = [
    {"nonce": "another"},
    {"nonce": None},
    {"aud": "another-client"},
    {"aud": [CLIENT, "another-client"]},  # without saying whom it was made for
    {"aud": [CLIENT, "another-client"], "azp": "another-client"},
    {"aud": None},
    {"exp": 1},
    {"exp": None},
    {"iat": 32503680000},
    {"nbf": 32503680000},
    {"iss": "https://another.example"},
    {"iss": None},
    {"sub": None},
    {"sub": 7},
    {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
]


@pytest.mark.parametrize("says", FORGED, ids=str)
async def test_a_token_that_proves_nothing_lets_nobody_in(office, issuer, says):
    issuer.says = says
    ana = office.nobody()
    answer = await arrive(ana, issuer)
    assert (answer.status, answer.error["code"]) == (403, "invalid_id_token")
    assert "xroute_session" not in ana.cookies
    assert await office.rows(tables.users) == await office.rows(tables.identities) == []


async def test_a_token_that_somebody_else_has_signed_lets_nobody_in(office, issuer):
    issuer.signs_with = RSAKey.generate_key(2048, {"kid": "k1"})
    assert (await arrive(office.nobody(), issuer)).error["code"] == "invalid_id_token"


async def test_a_token_that_nobody_has_signed_lets_nobody_in(office, issuer):
    issuer.algorithm = "none"
    assert (await arrive(office.nobody(), issuer)).error["code"] == "invalid_id_token"


async def test_a_token_signed_with_what_everybody_knows_lets_nobody_in(office, issuer):
    """The public key as a secret one: HS256 under its own text."""
    issuer.algorithm = "HS256"
    assert (await arrive(office.nobody(), issuer)).error["code"] == "invalid_id_token"


async def test_a_clock_that_is_a_little_off_does_no_harm(office, issuer):
    import time

    issuer.says = {"iat": int(time.time()) + 30, "exp": int(time.time()) - 30}
    assert (await arrive(office.nobody(), issuer)).status == 303


async def test_a_state_is_good_once_and_in_one_browser(office, issuer):
    ana, eve = office.nobody(), office.nobody()
    begun = await ana.get(START)
    code, state = issuer.authorize(begun.headers["location"])
    sealed = dict(ana.cookies)
    back = f"{START}/callback?code={code}&state={state}"
    assert (await eve.get(back)).error["code"] == "wrong_state"
    await eve.get(START)  # with a sign-in of her own under way too
    assert (await eve.get(back)).error["code"] == "wrong_state"
    assert (await ana.get(back.replace(state, "x" * 43))).error["code"] == "wrong_state"
    assert (await ana.get(back)).status == 303
    replayer = office.nobody()
    replayer.cookies = sealed
    assert (await replayer.get(back)).error["code"] == "state_used"
    assert len(await office.rows(tables.sessions)) == 1


async def test_what_the_browser_keeps_cannot_be_made_or_changed(office, issuer):
    ana = office.nobody()
    begun = await ana.get(START)
    code, state = issuer.authorize(begun.headers["location"])
    good = ana.cookies["xroute_oidc"]
    for text in (
        "",
        "x",
        "é",
        good[:-2],
        f"A{good}",
        good.replace(".", ""),
        f"{good.partition('.')[0]}.",
        "." * 9,
    ):
        ana.cookies["xroute_oidc"] = text
        answer = await ana.get(f"{START}/callback?code={code}&state={state}")
        assert answer.error["code"] == "wrong_state"


async def test_a_code_that_the_issuer_does_not_know_lets_nobody_in(office, issuer):
    answer = await arrive(office.nobody(), issuer, code="made-up")
    assert (answer.status, answer.error["code"]) == (400, "code_refused")
    assert "invalid_grant" in answer.error["message"]


async def test_a_refusal_of_the_issuer_is_told_without_its_words(office, issuer):
    answer = await arrive(office.nobody(), issuer, code="", error="<script>")
    assert (answer.status, answer.error["code"]) == (400, "issuer_refused")
    assert "script" not in answer.error["message"]


async def test_an_answer_from_another_issuer_is_not_taken(office, issuer):
    answer = await arrive(office.nobody(), issuer, iss="https://evil.example")
    assert answer.error["code"] == "wrong_issuer"
    assert (await arrive(office.nobody(), issuer, iss=issuer.url)).status == 303


@pytest.mark.parametrize(
    "to", ["//evil.example", "/\\evil.example", "https://evil.example", "/a\\b", "x", "/\x09/e"]
)
async def test_nobody_is_sent_to_another_place_in_the_end(office, issuer, to):
    from urllib.parse import quote

    answer = await arrive(office.nobody(), issuer, f"{START}?to={quote(to)}")
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    "claims", [{"email_verified": False}, {"email_verified": None}, {"email": None}], ids=str
)
async def test_a_mail_that_nobody_has_verified_is_nobodys(office, issuer, claims):
    issuer.claims |= claims
    answer = await arrive(office.nobody(), issuer)
    assert (answer.status, answer.error["code"]) == (403, "mail_not_verified")


async def test_only_the_invited_come_in_from_elsewhere(build, sqlite, issuer):
    office = await build(sqlite, config(issuer))
    boss = await office.sign_up("boss@example.com")
    answer = await arrive(office.nobody(), issuer)
    assert (answer.status, answer.error["code"]) == (403, "not_invited")
    await boss.post("/api/v1/invitations", {"email": ANA, "role": "billing"})
    ana = office.nobody()
    assert (await arrive(ana, issuer)).status == 303
    assert (await ana.get("/api/v1/me")).json["role"] == "billing"


async def test_an_account_is_linked_only_if_the_mail_was_shown_to_be_its_own(office, issuer):
    """Else whoever signs up with somebody's mail first would have what they sign in to later."""
    await office.sign_up(ANA)
    answer = await arrive(office.nobody(), issuer)
    assert (answer.status, answer.error["code"]) == (403, "account_not_verified")
    [user] = await office.rows(tables.users)
    operator = office.operator()
    path = f"/api/v1/installation/users/{user['id']}"
    assert (await operator.patch(path, {"verified": True})).json["verified"]
    ana = office.nobody()
    assert (await arrive(ana, issuer)).status == 303
    assert (await ana.get("/api/v1/me")).json["user"]["id"] == user["id"]


async def test_who_is_disabled_here_does_not_come_in_from_there(office, issuer):
    assert (await arrive(office.nobody(), issuer)).status == 303
    [user] = await office.rows(tables.users)
    await office.operator().patch(f"/api/v1/installation/users/{user['id']}", {"disabled": True})
    assert (await arrive(office.nobody(), issuer)).error["code"] == "user_disabled"


async def test_the_mail_may_be_told_apart_from_the_token(office, issuer):
    issuer.metadata = {"userinfo_endpoint": f"{issuer.url}/userinfo"}
    issuer.claims = {}
    issuer.userinfo = {"sub": "u-1", "email": ANA, "email_verified": True}
    ana = office.nobody()
    assert (await arrive(ana, issuer)).status == 303
    assert (await ana.get("/api/v1/me")).json["name"] == ANA
    issuer.userinfo["sub"] = "u-2"
    assert (await arrive(office.nobody(), issuer)).error["code"] == "wrong_subject"


async def test_new_keys_of_the_issuer_are_found(office, issuer, monkeypatch):
    from xroute.web import oidc

    assert (await arrive(office.nobody(), issuer)).status == 303
    issuer.key = issuer.signs_with = RSAKey.generate_key(2048, {"kid": "k2"})
    # A token may name any key, so they are not asked for again at once.
    assert (await arrive(office.nobody(), issuer)).error["code"] == "invalid_id_token"
    assert issuer.asked.count("GET /keys") == 1
    monkeypatch.setattr(oidc, "AGAIN_S", 0.0)
    assert (await arrive(office.nobody(), issuer)).status == 303
    assert (await arrive(office.nobody(), issuer)).status == 303
    assert issuer.asked.count("GET /keys") == 2


AWAY = [
    {"/.well-known/openid-configuration": (500, b"")},
    {"/.well-known/openid-configuration": (302, b"")},
    {"/.well-known/openid-configuration": (200, b"<html>")},
    {"/.well-known/openid-configuration": (200, b"[]")},
    {"/.well-known/openid-configuration": (200, b" " * (512 * 1024 + 1))},
    {"/.well-known/openid-configuration": (200, b'{"issuer": "https://evil.example"}')},
]


@pytest.mark.parametrize("answers", AWAY, ids=lambda value: str(value)[:80])
async def test_an_issuer_that_cannot_be_used_is_a_503(office, issuer, answers):
    issuer.answers = answers
    answer = await office.nobody().get(START)
    assert (answer.status, answer.error["code"]) == (503, "issuer_unavailable")
    assert answer.headers["retry-after"] == "10"
    assert "evil" not in answer.body.decode()
    issuer.answers = {}
    assert (await office.nobody().get(START)).status == 303  # and it is asked again


@pytest.mark.parametrize("path", ["/token", "/keys"])
@pytest.mark.parametrize("sent", [(500, b""), (302, b""), (200, b"<html>"), (200, b"[]"), (200, b"null")])
async def test_an_issuer_that_fails_halfway_is_a_503(office, issuer, path, sent):
    issuer.answers = {path: sent}
    answer = await arrive(office.nobody(), issuer)
    assert (answer.status, answer.error["code"]) == (503, "issuer_unavailable")


async def test_an_issuer_that_is_away_is_a_503(office, issuer):
    await issuer.stop()
    answer = await office.nobody().get(START)
    assert (answer.status, answer.error["code"]) == (503, "issuer_unavailable")


async def test_an_issuer_by_https_is_not_left_for_http(build, sqlite, issuer):
    from xroute.config.settings import Settings
    from xroute.web.fetch import FetchFailed
    from xroute.web.issuers import Known
    from xroute.web.oidc import Issuer as Client

    settings = Settings.model_validate(
        {
            "sign_in": {
                "oidc": [
                    {"name": "corp", "client_id": "c", "client_secret": "s", "issuer": "https://i.example"}
                ]
            }
        }
    )
    client = Client(settings.sign_in.oidc[0], Known("https://i.example"), None, "https://x/cb")
    facts = {
        "issuer": "https://i.example",
        "authorization_endpoint": "https://i.example/a",
        "token_endpoint": "http://i.example/t",
        "jwks_uri": "https://i.example/k",
    }
    with pytest.raises(FetchFailed, match="token_endpoint"):
        client._usable(facts)


# Issuers that are known by name.


async def test_github_is_asked_for_the_user_and_the_mail(build, sqlite, issuer):
    office = await build(sqlite, config(issuer, "github", domains=["example.com"]))
    issuer.github_mails = [
        {"email": "other@evil.example", "primary": False, "verified": True},
        {"email": "Octo@Example.com", "primary": True, "verified": True},
    ]
    octo = office.nobody()
    begun = await octo.get("/api/v1/auth/oidc/github")
    assert begun.headers["location"].startswith(f"{issuer.url}/login/oauth/authorize?")
    assert (await arrive(octo, issuer, "/api/v1/auth/oidc/github")).status == 303
    assert (await octo.get("/api/v1/me")).json["name"] == "octo@example.com"
    [identity] = await office.rows(tables.identities)
    assert (identity["issuer"], identity["subject"]) == (issuer.url, "583231")


async def test_a_mail_that_github_has_not_verified_is_nobodys(build, sqlite, issuer):
    office = await build(sqlite, config(issuer, "github", domains=["example.com"]))
    issuer.github_mails = [{"email": ANA, "primary": True, "verified": False}]
    answer = await arrive(office.nobody(), issuer, "/api/v1/auth/oidc/github")
    assert answer.error["code"] == "mail_not_verified"


TENANT = "11111111-2222-3333-4444-555555555555"


async def test_of_all_tenants_only_a_verified_domain_counts(build, sqlite, issuer):
    """Or anybody with a tenant of their own could say that any mail is theirs."""
    office = await build(sqlite, config(issuer, "microsoft", domains=["example.com"]))
    issuer.metadata = {"issuer": f"{issuer.url}/{{tenantid}}/v2.0"}
    issuer.says = {"iss": f"{issuer.url}/{TENANT}/v2.0", "tid": TENANT}
    start = "/api/v1/auth/oidc/microsoft"
    assert (await arrive(office.nobody(), issuer, start)).error["code"] == "mail_not_verified"
    issuer.says["xms_edov"] = True
    assert (await arrive(office.nobody(), issuer, start)).status == 303
    for tid in ("22222222-2222-3333-4444-555555555555", "../evil", None):
        issuer.says["tid"] = tid
        assert (await arrive(office.nobody(), issuer, start)).error["code"] == "invalid_id_token"


async def test_a_tenant_that_was_chosen_speaks_for_its_mails(build, sqlite, issuer):
    office = await build(sqlite, config(issuer, "microsoft", domains=["example.com"]))
    issuer.claims.pop("email_verified")
    assert (await arrive(office.nobody(), issuer, "/api/v1/auth/oidc/microsoft")).status == 303


async def test_an_issuer_that_is_not_known_by_name_needs_its_address(build, sqlite):
    entry = {"name": "corp", "client_id": "c", "client_secret": "s"}
    with pytest.raises(ConfigError, match="github, google, microsoft are known by name"):
        await build(sqlite, f"sign_in: {{oidc: [{entry}]}}\n")


async def test_a_password_still_works_beside_it(office, issuer):
    ana = office.nobody()
    await arrive(ana, issuer)
    assert (await ana.put("/api/v1/me/password", {"password": PASSWORD})).status == 204
    body = {"email": ANA, "password": PASSWORD}
    assert (await office.nobody().post("/api/v1/auth/sign-in", body)).status == 200
