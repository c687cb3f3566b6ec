"""Signing up, in and out: what works, what is refused, and what nobody can learn from it."""

import pytest
from tests.api.office import PASSWORD

from xroute.store import tables

ANA = "ana@example.com"


async def test_who_signs_up_has_a_prepaid_workspace_and_is_signed_in(build, database):
    office = await build(database)
    ana = await office.sign_up("Ana@Example.com", "Acme & Söhne")
    me = (await ana.get("/api/v1/me")).json
    assert (me["kind"], me["name"], me["role"], me["operator"]) == ("user", ANA, "owner", False)
    [place] = me["memberships"]
    assert place["workspace"] == me["workspace"]
    [_, made] = await office.rows(tables.workspaces)
    assert (made["id"], made["name"], made["plan"]) == (me["workspace"], "Acme & Söhne", "prepaid")
    assert made["slug"].startswith("acme-s-hne-")
    [user] = await office.rows(tables.users)
    assert user["password"].startswith("$argon2id$") and not user["operator"]
    assert await office.rows(tables.entries) == []  # no credit


async def test_signing_in_and_out(build, database):
    office = await build(database)
    await office.sign_up(ANA)
    ana = office.nobody()
    answer = await ana.post("/api/v1/auth/sign-in", {"email": f" {ANA.upper()} ", "password": PASSWORD})
    assert answer.status == 200
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("xroute_session=")
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie
    assert "Secure" not in cookie  # people reach it by http
    assert answer.headers["cache-control"] == "no-store"
    kept = dict(ana.cookies)
    assert (await ana.get("/api/v1/me")).status == 200
    assert (await ana.post("/api/v1/auth/sign-out")).status == 204
    assert ana.cookies == {}
    ana.cookies = kept
    ended = await ana.get("/api/v1/me")
    assert (ended.status, ended.error["code"]) == (401, "session_ended")


async def test_behind_https_the_cookie_is_secure(build, sqlite):
    office = await build(sqlite, "public_url: https://x.example.com\n")
    body = {"email": ANA, "password": PASSWORD, "name": "A", "workspace": "W"}
    answer = await office.nobody().post("/api/v1/signup", body)
    assert "; Secure" in answer.headers["set-cookie"]


async def test_a_wrong_password_and_an_unknown_mail_are_told_alike(office):
    await office.sign_up(ANA)
    told = []
    for email in (ANA, "nobody@example.com"):
        answer = await office.nobody().post("/api/v1/auth/sign-in", {"email": email, "password": "wrong one"})
        assert answer.status == 401
        assert "set-cookie" not in answer.headers
        told.append({**answer.error, "metadata": None})
    assert told[0] == told[1]


async def test_an_unknown_mail_is_checked_against_a_password_too(office, monkeypatch):
    """So that the time it takes tells nothing: both ask argon2 once."""
    from argon2 import PasswordHasher

    asked = []
    verify = PasswordHasher.verify

    def counted(self, hashed, password):
        asked.append(hashed)
        return verify(self, hashed, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    await office.nobody().post("/api/v1/auth/sign-in", {"email": "nobody@example.com", "password": "p"})
    assert len(asked) == 1 and asked[0].startswith("$argon2id$v=19$m=32768,t=3,p=1$")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "has 5 characters"),
        ("123456789", "has 9 characters"),
        ("x" * 257, "at most 256"),
        ("Password123", "commonest"),
        ("aaaaaaaaaaaaa", "again and again"),
        ("abababababab", "again and again"),
        (ANA, "is the mail address"),
    ],
)
async def test_a_weak_password_is_refused_with_the_reason(office, password, reason):
    body = {"email": ANA, "password": password, "name": "A", "workspace": "W"}
    answer = await office.nobody().post("/api/v1/signup", body)
    assert (answer.status, answer.error["param"]) == (400, "password")
    assert reason in answer.error["message"]
    assert password not in answer.error["message"].replace("mail address", "")
    assert await office.rows(tables.users) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no-mail"),
        ("email", "a@b@c"),
        ("email", "a b@example.com"),
        ("email", "a@example.com\r\nBcc: all@example.com"),
        ("email", f"{'x' * 300}@example.com"),
        ("email", None),
        ("name", ""),
        ("name", "a\x00b"),
        ("workspace", "a\nb"),
        ("extra", 1),
        ("password", 12345678901),
    ],
)
async def test_what_cannot_be_is_a_400_that_names_the_field(office, field, value):
    body = {"email": ANA, "password": PASSWORD, "name": "A", "workspace": "W"} | {field: value}
    answer = await office.nobody().post("/api/v1/signup", body)
    assert (answer.status, answer.error["param"]) == (400, field)
    assert answer.error["metadata"]["error_type"] == "invalid_request"
    assert PASSWORD not in answer.body.decode()


async def test_two_people_cannot_have_one_mail(office):
    await office.sign_up(ANA)
    body = {"email": ANA, "password": PASSWORD, "name": "A", "workspace": "W"}
    answer = await office.nobody().post("/api/v1/signup", body)
    assert (answer.status, answer.error["code"]) == (409, "mail_taken")
    assert len(await office.rows(tables.users)) == 1


async def test_sign_up_can_be_closed(build, sqlite):
    office = await build(sqlite, "sign_in: {signup: invite}\n")
    body = {"email": ANA, "password": PASSWORD, "name": "A", "workspace": "W"}
    answer = await office.nobody().post("/api/v1/signup", body)
    assert (answer.status, answer.error["code"]) == (403, "signup_closed")


async def test_guessing_passwords_ends_after_ten(office):
    await office.sign_up(ANA)
    guess = {"email": ANA, "password": "a guess of mine"}
    statuses = [(await office.nobody().post("/api/v1/auth/sign-in", guess)).status for _ in range(10)]
    assert statuses == [401] * 10
    answer = await office.nobody().post("/api/v1/auth/sign-in", guess)
    assert (answer.status, answer.error["code"]) == (429, "too_many_attempts")
    assert 0 < int(answer.headers["retry-after"]) <= 300
    # The right one is not taken either, and somebody else still gets in.
    right = await office.nobody().post("/api/v1/auth/sign-in", {"email": ANA, "password": PASSWORD})
    assert right.status == 429
    await office.sign_up("bob@example.com")
    other = {"email": "bob@example.com", "password": PASSWORD}
    assert (await office.nobody().post("/api/v1/auth/sign-in", other)).status == 200


async def test_one_address_may_not_try_many_mails(office):
    assert office.persons.tries.address._limit == 60
    office.persons.tries.address._limit = 6  # a password takes long to check
    for number in range(6):
        guess = {"email": f"m{number}@example.com", "password": "x"}
        assert (await office.nobody().post("/api/v1/auth/sign-in", guess)).status == 401
    guess = {"email": "m61@example.com", "password": "x"}
    assert (await office.nobody().post("/api/v1/auth/sign-in", guess)).status == 429
    elsewhere = office.nobody()
    elsewhere.address = "192.0.2.7"
    assert (await elsewhere.post("/api/v1/auth/sign-in", guess)).status == 401


async def test_changing_the_password_ends_every_other_session(build, database):
    office = await build(database)
    ana = await office.sign_up(ANA)
    phone = office.nobody()
    await phone.post("/api/v1/auth/sign-in", {"email": ANA, "password": PASSWORD})
    wrong = await ana.put("/api/v1/me/password", {"current": "not it at all", "password": "another horse"})
    assert (wrong.status, wrong.error["code"]) == (403, "wrong_password")
    assert (await phone.get("/api/v1/me")).status == 200
    changed = await ana.put("/api/v1/me/password", {"current": PASSWORD, "password": "another horse"})
    assert changed.status == 204
    assert (await ana.get("/api/v1/me")).status == 200
    assert (await phone.get("/api/v1/me")).status == 401
    old = await office.nobody().post("/api/v1/auth/sign-in", {"email": ANA, "password": PASSWORD})
    assert old.status == 401
    new = await office.nobody().post("/api/v1/auth/sign-in", {"email": ANA, "password": "another horse"})
    assert new.status == 200


async def test_sessions_are_listed_and_ended(build, database):
    office = await build(database)
    ana = await office.sign_up(ANA)
    phone = office.nobody()
    phone.headers["user-agent"] = "Phone/1.0"
    phone.address = "192.0.2.7"
    await phone.post("/api/v1/auth/sign-in", {"email": ANA, "password": PASSWORD})
    rows = (await ana.get("/api/v1/me/sessions")).json["data"]
    assert [(row["agent"], row["address"], row["current"]) for row in rows] == [
        ("Phone/1.0", "192.0.2.7", False),
        ("", "127.0.0.1", True),
    ]
    assert not any(value in str(rows) for value in phone.cookies.values())
    assert (await ana.delete("/api/v1/me/sessions/ses_0")).status == 404
    assert (await ana.delete(f"/api/v1/me/sessions/{rows[0]['id']}")).status == 204
    assert (await phone.get("/api/v1/me")).status == 401
    bob = await office.sign_up("bob@example.com")
    assert (await bob.delete(f"/api/v1/me/sessions/{rows[1]['id']}")).status == 404
    assert (await ana.delete("/api/v1/me/sessions")).status == 204
    assert (await ana.get("/api/v1/me")).status == 200


async def test_a_session_is_kept_as_a_hash_and_ends(build, sqlite):
    office = await build(sqlite)
    ana = await office.sign_up(ANA)
    [row] = await office.rows(tables.sessions)
    assert ana.cookies["xroute_session"] not in str(row)
    assert row["expires"] - row["created"] == 14 * 24 * 3600 * 1000
    intruder = office.nobody()
    intruder.cookies["xroute_session"] = row["hash"]
    assert (await intruder.get("/api/v1/me")).status == 401


PAGES = [
    ({}, 403),
    ({"origin": "https://evil.example"}, 403),
    ({"origin": "null"}, 403),
    ({"origin": "http://localhost:8790.evil.example"}, 403),
    ({"origin": "http://evil.example/?localhost:8790"}, 403),
    ({"origin": "http://localhost:8790"}, 204),
    ({"x-xroute-csrf": "1"}, 204),
    ({"x-xroute-csrf": "0"}, 403),
]


@pytest.mark.parametrize(("headers", "status"), PAGES, ids=str)
async def test_another_sites_page_can_change_nothing_by_the_cookie(office, headers, status):
    ana = await office.sign_up(ANA)
    answer = await ana.ask("DELETE", "/api/v1/me/sessions", **({"x-xroute-csrf": ""} | headers))
    assert answer.status == status
    assert (await ana.ask("GET", "/api/v1/me", **({"x-xroute-csrf": ""} | headers))).status == 200


async def test_with_a_public_url_the_host_header_does_not_count(build, sqlite):
    office = await build(sqlite, "public_url: https://x.example.com\n")
    ana = await office.sign_up(ANA)
    none = {"x-xroute-csrf": ""}
    lie = await ana.ask(
        "DELETE", "/api/v1/me/sessions", **none, host="evil.example", origin="https://evil.example"
    )
    assert lie.status == 403
    good = await ana.ask("DELETE", "/api/v1/me/sessions", **none, origin="https://x.example.com")
    assert good.status == 204


async def test_a_form_of_another_site_signs_nobody_in(office):
    await office.sign_up(ANA)
    body = f'{{"email": "{ANA}", "password": "{PASSWORD}"}}'.encode()
    answer = await office.nobody().post("/api/v1/auth/sign-in", body, content_type="text/plain")
    assert answer.status == 400
    assert "set-cookie" not in answer.headers


async def test_the_first_start_has_a_link_that_signs_the_operator_in_once(build, database):
    office = await build(database)
    old = await office.persons.sign_in.first_owner()
    code = await office.persons.sign_in.first_owner()  # a second start before anybody came
    assert len(await office.rows(tables.users)) == 1
    assert (await office.nobody().get(f"/api/v1/auth/link/{old}")).status == 400
    operator = office.nobody()
    answer = await operator.get(f"/api/v1/auth/link/{code}", host="evil.example")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert (await office.nobody().get(f"/api/v1/auth/link/{code}")).status == 400
    me = (await operator.get("/api/v1/me")).json
    assert me["operator"] and me["name"] == "owner@localhost"
    assert await office.persons.sign_in.first_owner() is None
    # They say who they are, and choose a password: there was none, so none is asked for.
    assert (await operator.patch("/api/v1/me", {"email": "root@example.com"})).status == 200
    assert (await operator.put("/api/v1/me/password", {"password": PASSWORD})).status == 204
    again = await office.nobody().post(
        "/api/v1/auth/sign-in", {"email": "root@example.com", "password": PASSWORD}
    )
    assert again.status == 200


async def test_without_mail_an_admin_has_the_reset_link(office):
    ana = await office.sign_up(ANA)
    dev = await office.invite(ana, "dev@example.com", "developer")
    answer = await office.nobody().post("/api/v1/auth/forgot", {"email": "dev@example.com"})
    assert answer.status == 202 and "admin" in answer.json["message"]
    member = await office.member_id(ana, "dev@example.com")
    assert (await dev.post(f"/api/v1/members/{member}/reset")).status == 403
    made = await ana.post(f"/api/v1/members/{member}/reset")
    assert made.status == 200 and made.json["link"].endswith(made.json["code"])
    fresh = office.nobody()
    body = {"code": made.json["code"], "password": "a new horse here"}
    assert (await fresh.post("/api/v1/auth/reset", body | {"password": "short"})).status == 400
    assert (await fresh.post("/api/v1/auth/reset", body)).status == 200
    assert (await fresh.get("/api/v1/me")).status == 200
    assert (await dev.get("/api/v1/me")).status == 401  # the older session
    assert (await office.nobody().post("/api/v1/auth/reset", body)).error["code"] == "invalid_link"
    [user] = [row for row in await office.rows(tables.users) if row["email"] == "dev@example.com"]
    assert user["verified"] is None  # an admin's word is no proof of a mail


async def test_no_admin_becomes_somebody_who_is_elsewhere_too(office):
    ana, bob = await office.sign_up(ANA), await office.sign_up("bob@example.com")
    made = await ana.post("/api/v1/invitations", {"email": "bob@example.com", "role": "viewer"})
    joined = await bob.post("/api/v1/me/invitations", {"code": made.json["code"]})
    assert joined.status == 200
    member = await office.member_id(ana, "bob@example.com")
    refused = await ana.post(f"/api/v1/members/{member}/reset")
    assert (refused.status, refused.error["code"]) == (403, "operator_needed")
    users = (await office.operator().get("/api/v1/installation/users")).json["data"]
    [bobs] = [row["id"] for row in users if row["email"] == "bob@example.com"]
    assert (await office.operator().post(f"/api/v1/installation/users/{bobs}/reset")).json["code"]
