"""Who is in a workspace, what they may do there, and how they get out."""

import asyncio

import pytest
from tests.api.office import PASSWORD

from xroute.store import tables

BOSS = "boss@example.com"
ROLES = ("owner", "admin", "developer", "viewer", "billing")


@pytest.fixture
async def firm(build, database):
    office = await build(database)
    boss = await office.sign_up(BOSS)
    return office, boss


async def staff(office, boss, *roles):
    return {role: await office.invite(boss, f"{role}@example.com", role) for role in roles}


async def test_members_are_listed_in_pages(firm):
    office, boss = firm
    await staff(office, boss, "admin", "viewer")
    first = (await boss.get("/api/v1/members?limit=2")).json
    second = (await boss.get(f"/api/v1/members?limit=2&cursor={first['next']}")).json
    rows = first["data"] + second["data"]
    assert [row["role"] for row in rows] == ["viewer", "admin", "owner"]
    assert second["next"] is None
    assert rows[2]["email"] == BOSS and rows[2]["created"].endswith("Z")
    one = await boss.get(f"/api/v1/members/{rows[0]['id']}")
    assert one.json == rows[0]
    for query in ("limit=0", "limit=501", "cursor=nonsense", "cursor=AAAA", "limit=x"):
        assert (await boss.get(f"/api/v1/members?{query}")).status == 400


async def test_nobody_gives_what_they_have_not_got(firm):
    office, boss = firm
    people = await staff(office, boss, "admin", "developer")
    admin, developer = people["admin"], people["developer"]
    for role in ROLES:
        made = await admin.post("/api/v1/invitations", {"email": f"x{role}@example.com", "role": role})
        assert made.status == (201 if role in ("admin", "developer", "viewer") else 403), role
        token = await admin.post("/api/v1/tokens", {"name": "t", "role": role})
        assert token.status == made.status, role
    refused = await developer.post("/api/v1/invitations", {"email": "x@example.com", "role": "viewer"})
    assert (refused.status, refused.error["code"]) == (403, "role_missing")
    assert refused.error["metadata"]["needs"] == ["admin", "owner"]
    assert "your role here is developer" in refused.error["message"]
    owner_id = await office.member_id(boss, BOSS)
    own_id = await office.member_id(boss, "admin@example.com")
    assert (await admin.patch(f"/api/v1/members/{owner_id}", {"role": "viewer"})).status == 403
    assert (await admin.delete(f"/api/v1/members/{owner_id}")).status == 403
    assert (await admin.patch(f"/api/v1/members/{own_id}", {"role": "owner"})).status == 403
    assert (await admin.patch(f"/api/v1/members/{own_id}", {"role": "viewer"})).status == 200


async def test_the_last_owner_stays(firm):
    office, boss = firm
    own = await office.member_id(boss, BOSS)
    for answer in (
        await boss.delete(f"/api/v1/members/{own}"),
        await boss.patch(f"/api/v1/members/{own}", {"role": "admin"}),
        await office.operator().delete(
            f"/api/v1/members/{own}", x_xroute_workspace=(await boss.get("/api/v1/me")).json["workspace"]
        ),
    ):
        assert (answer.status, answer.error["code"]) == (409, "last_owner")
    assert (await boss.get("/api/v1/members")).json["data"][0]["role"] == "owner"


async def test_of_two_owners_who_go_at_once_one_stays(firm):
    office, boss = firm
    other = (await staff(office, boss, "owner"))["owner"]
    mine, theirs = await office.member_id(boss, BOSS), await office.member_id(boss, "owner@example.com")
    answers = await asyncio.gather(
        boss.delete(f"/api/v1/members/{mine}"), other.delete(f"/api/v1/members/{theirs}")
    )
    assert sorted(answer.status for answer in answers) == [204, 409]
    assert [row["role"] for row in await office.rows(tables.members)] == ["owner"]


async def test_who_is_removed_is_out_at_once_with_keys_and_tokens(firm):
    office, boss = firm
    admin = (await staff(office, boss, "admin"))["admin"]
    program = await office.program(admin, "developer")
    id_ = await office.member_id(boss, "admin@example.com")
    workspace = (await boss.get("/api/v1/me")).json["workspace"]
    row = {"workspace": workspace, "name": "k", "shown": "xr-", "created": 1}
    await office.put(tables.keys, id="key_1", member=id_, hash="01", **row)
    await office.put(tables.keys, id="key_2", hash="02", **row)
    assert (await program.get("/api/v1/members")).status == 200
    assert (await boss.delete(f"/api/v1/members/{id_}")).status == 204
    assert (await program.get("/api/v1/members")).error["code"] == "invalid_token"
    gone = await admin.get("/api/v1/members")
    assert (gone.status, gone.error["code"]) == (403, "no_workspace")
    assert {row["id"]: row["disabled"] for row in await office.rows(tables.keys)} == {
        "key_1": True,
        "key_2": False,
    }
    changed = {(row["table"], row["row"]) for row in await office.rows(tables.changes)}
    assert {("keys", "key_1"), ("members", id_)} <= changed
    assert (await boss.get(f"/api/v1/members/{id_}")).status == 404


async def test_who_is_made_less_has_no_tokens_that_are_more(firm):
    office, boss = firm
    other = (await staff(office, boss, "owner"))["owner"]
    tokens = {role: await office.program(other, role) for role in ROLES}
    id_ = await office.member_id(boss, "owner@example.com")
    await boss.patch(f"/api/v1/members/{id_}", {"role": "admin"})
    alive = {role for role in ROLES if (await tokens[role].get("/api/v1/members")).status == 200}
    assert alive == {"admin", "developer", "viewer"}
    await boss.patch(f"/api/v1/members/{id_}", {"role": "viewer"})
    assert [(await tokens[role].get("/api/v1/members")).status for role in ROLES] == [401] * 5


async def test_an_id_of_a_directory_can_be_kept(firm):
    office, boss = firm
    own = await office.member_id(boss, BOSS)
    assert (await boss.patch(f"/api/v1/members/{own}", {"external_id": "scim-7"})).json[
        "external_id"
    ] == "scim-7"
    assert (await boss.patch(f"/api/v1/members/{own}", {"external_id": None})).json["external_id"] is None
    assert (await boss.patch(f"/api/v1/members/{own}", {"role": "emperor"})).error["param"] == "role"
    assert (await boss.patch(f"/api/v1/members/{own}", {"role": None})).status == 400
    assert (await boss.patch(f"/api/v1/members/{own}", {"email": "x"})).error["code"] == "unknown_field"


async def test_invitations_are_listed_revoked_and_replaced(firm):
    office, boss = firm
    first = (await boss.post("/api/v1/invitations", {"email": "a@example.com", "role": "viewer"})).json
    second = (await boss.post("/api/v1/invitations", {"email": "a@example.com", "role": "developer"})).json
    listed = (await boss.get("/api/v1/invitations")).json["data"]
    assert [row["id"] for row in listed] == [second["id"]]
    assert "hash" not in listed[0] and second["code"] not in str(listed)
    old = await office.nobody().post("/api/v1/auth/invitation/look", {"code": first["code"]})
    assert old.error["code"] == "invalid_invitation"
    assert (await boss.delete(f"/api/v1/invitations/{second['id']}")).status == 204
    assert (await boss.delete(f"/api/v1/invitations/{second['id']}")).status == 404
    gone = await office.nobody().post("/api/v1/auth/invitation/look", {"code": second["code"]})
    assert gone.error["code"] == "invalid_invitation"
    exists = await boss.post("/api/v1/invitations", {"email": BOSS, "role": "viewer"})
    assert (exists.status, exists.error["code"]) == (409, "member_exists")


async def test_of_invitations_made_at_once_for_one_mail_one_is_left(firm):
    _, boss = firm
    body = {"email": "new@example.com", "role": "viewer"}
    made = await asyncio.gather(*(boss.post("/api/v1/invitations", body) for _ in range(8)))
    assert {answer.status for answer in made} == {201}
    assert len((await boss.get("/api/v1/invitations")).json["data"]) == 1


async def test_an_invitation_does_not_let_its_reader_into_an_account_that_is_there(firm):
    office, boss = firm
    bob = await office.sign_up("bob@example.com")
    code = (await boss.post("/api/v1/invitations", {"email": "bob@example.com", "role": "viewer"})).json[
        "code"
    ]
    body = {"code": code, "password": "a password I chose"}
    refused = await office.nobody().post("/api/v1/auth/invitation", body)
    assert (refused.status, refused.error["code"]) == (401, "invalid_credentials")
    assert (await boss.post("/api/v1/me/invitations", {"code": code})).error["code"] == "other_mail"
    took = office.nobody()
    assert (await took.post("/api/v1/auth/invitation", body | {"password": PASSWORD})).status == 200
    assert len((await bob.get("/api/v1/me")).json["memberships"]) == 2


async def test_tokens_are_shown_once_and_revoked(firm):
    office, boss = firm
    made = (await boss.post("/api/v1/tokens", {"name": "ci", "role": "viewer"})).json
    assert made["token"].startswith("xrt-") and len(made["token"]) == 47
    listed = (await boss.get("/api/v1/tokens")).json["data"]
    assert [(row["id"], row["shown"], row["role"]) for row in listed] == [
        (made["id"], made["token"][:10], "viewer")
    ]
    assert made["token"] not in str(listed) + str(await office.rows(tables.tokens)) + str(
        await office.rows(tables.audit)
    )
    program = office.nobody()
    program.token = made["token"]
    assert (await program.get("/api/v1/me")).json["kind"] == "token"
    assert (await program.post("/api/v1/tokens", {"name": "more", "role": "viewer"})).status == 403
    assert (await program.put("/api/v1/me/password", {"password": PASSWORD})).error["code"] == "not_a_person"
    assert (await boss.delete(f"/api/v1/tokens/{made['id']}")).json["revoked"]
    assert (await program.get("/api/v1/me")).status == 401
    assert (await boss.delete("/api/v1/tokens/tok_0")).status == 404


async def test_a_token_ends_at_its_time(firm):
    office, boss = firm
    past = await boss.post("/api/v1/tokens", {"name": "t", "expires": "2020-01-01T00:00:00Z"})
    assert (past.status, past.error["param"]) == (400, "expires")
    naive = await boss.post("/api/v1/tokens", {"name": "t", "expires": "2030-01-01T00:00:00"})
    assert naive.status == 400
    made = (await boss.post("/api/v1/tokens", {"name": "t", "expires": "2099-01-01T00:00:00Z"})).json
    program = office.nobody()
    program.token = made["token"]
    assert (await program.get("/api/v1/members")).status == 200
    async with office.db.write() as connection:
        await connection.execute(tables.tokens.update().values(expires=1))
    assert (await program.get("/api/v1/members")).status == 401


async def test_every_change_is_in_the_log_with_who_and_from_where(firm):
    office, boss = firm
    boss.address = "192.0.2.9"
    await staff(office, boss, "viewer")
    id_ = await office.member_id(boss, "viewer@example.com")
    changed = await boss.patch(f"/api/v1/members/{id_}", {"role": "developer"})
    log = (await boss.get("/api/v1/audit?action=member.change")).json["data"]
    assert len(log) == 1
    line = log[0]
    assert (line["actor_name"], line["target"], line["address"]) == (BOSS, id_, "192.0.2.9")
    assert (line["before"]["role"], line["after"]["role"]) == ("viewer", "developer")
    assert line["request_id"] == changed.headers["x-request-id"]
    all_ = (await boss.get("/api/v1/audit?limit=500")).json["data"]
    assert {"workspace.create", "member.create", "invitation.create", "member.change"} <= {
        row["action"] for row in all_
    }
    assert [row["id"] for row in all_] == sorted((row["id"] for row in all_), reverse=True)
    first = (await boss.get("/api/v1/audit?limit=2")).json
    rest = (await boss.get(f"/api/v1/audit?limit=500&cursor={first['next']}")).json
    assert first["data"] + rest["data"] == all_ and rest["next"] is None
    members = (await boss.get("/api/v1/audit?action=member.&since=2020-01-01T00:00:00Z")).json["data"]
    assert {row["action"] for row in members} == {"member.change", "member.create"}
    assert (await boss.get("/api/v1/audit?until=2020-01-01T00:00:00Z")).json["data"] == []
    assert (await boss.get("/api/v1/audit?action=%25")).json["data"] == []
    assert PASSWORD not in str(all_) and "argon2" not in str(all_)


async def test_operators_see_and_disable_everybody(firm):
    office, boss = firm
    program = await office.program(boss, "owner")
    operator = office.operator()
    [user] = (await operator.get("/api/v1/installation/users")).json["data"]
    assert (user["email"], user["has_password"], user["operator"]) == (BOSS, True, False)
    path = f"/api/v1/installation/users/{user['id']}"
    assert (await boss.get(path)).error["metadata"]["needs"] == ["operator"]
    assert (await operator.patch(path, {"disabled": True})).json["disabled"]
    assert (await boss.get("/api/v1/me")).status == 401
    assert (await program.get("/api/v1/members")).status == 401
    body = {"email": BOSS, "password": PASSWORD}
    assert (await office.nobody().post("/api/v1/auth/sign-in", body)).status == 401
    await operator.patch(path, {"disabled": False, "operator": True})
    await boss.post("/api/v1/auth/sign-in", body)
    assert (await boss.get("/api/v1/installation/users")).status == 200
    shut = await boss.patch(path, {"operator": False})
    assert (shut.status, shut.error["code"]) == (409, "yourself")
    log = (await operator.get(f"/api/v1/installation/audit?target={user['id']}&action=user.change")).json[
        "data"
    ]
    assert [line["actor_kind"] for line in log] == ["admin_token", "admin_token"]


async def test_an_operators_token_is_for_the_whole_installation(firm):
    office, boss = firm
    operator = office.operator()
    made = (await operator.post("/api/v1/installation/tokens", {"name": "root"})).json
    root = office.nobody()
    root.token = made["token"]
    assert (await root.get("/api/v1/installation/tokens")).json["data"][0]["id"] == made["id"]
    workspace = (await boss.get("/api/v1/me")).json["workspace"]
    rows = (await root.get("/api/v1/members", x_xroute_workspace=workspace)).json["data"]
    assert [row["email"] for row in rows] == [BOSS]
    assert (await boss.delete(f"/api/v1/tokens/{made['id']}")).status == 404
    assert (await operator.delete(f"/api/v1/installation/tokens/{made['id']}")).status == 200
    assert (await root.get("/api/v1/installation/tokens")).status == 401
