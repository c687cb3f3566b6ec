"""What is mailed, by a real mail server on a port of its own, and what happens where it is away."""

import logging
import re
import ssl
from email.header import decode_header, make_header

import pytest
from tests.api.office import PASSWORD
from tests.api.postbox import Postbox, certificate

from xroute.config.accounts import SmtpSettings
from xroute.config.secret import Secret
from xroute.store import tables
from xroute.web.mail import Mailer, MailFailed

ANA = "ana@example.com"


@pytest.fixture
async def postbox():
    postbox = Postbox()
    await postbox.start()
    yield postbox
    await postbox.stop()


def config(postbox):
    smtp = f"{{host: 127.0.0.1, port: {postbox.port}, tls: none, sender: 'xroute <gate@example.com>'}}"
    return f"smtp: {smtp}\npublic_url: https://gate.example.com\n"


@pytest.fixture
async def office(build, sqlite, postbox):
    return await build(sqlite, config(postbox))


def link(mail, page):
    """The code of a link to a page in a mail."""
    [code] = re.findall(
        rf"https://gate\.example\.com/{page}#([\w-]+)", mail.get_payload(decode=True).decode()
    )
    return code


async def test_an_invitation_is_mailed_and_proves_the_mail(office, postbox):
    boss = await office.sign_up("boss@example.com")
    await postbox.mail()  # whether that mail is theirs
    made = await boss.post("/api/v1/invitations", {"email": ANA, "role": "developer"}, host="evil.example")
    assert (made.status, made.json["mailed"], made.json["code"], made.json["link"]) == (201, True, None, None)
    mail = await postbox.mail()
    assert (mail["To"], mail["From"]) == (ANA, "xroute <gate@example.com>")
    assert "boss@example.com invites you" in mail.get_payload(decode=True).decode()
    code = link(mail, "invitation")
    ana = office.nobody()
    look = await ana.post("/api/v1/auth/invitation/look", {"code": code})
    assert look.json == {"email": ANA, "workspace": "Acme", "role": "developer", "has_account": False}
    body = {"code": code, "password": PASSWORD, "name": "Ana"}
    assert (await ana.post("/api/v1/auth/invitation", body)).status == 200
    assert (await ana.get("/api/v1/me")).json["user"]["verified"]
    again = await office.nobody().post("/api/v1/auth/invitation", body)
    assert (again.status, again.error["code"]) == (400, "invalid_invitation")


async def test_a_lost_password_is_reset_by_mail(office, postbox):
    ana = await office.sign_up(ANA)
    await postbox.mail()
    answer = await office.nobody().post("/api/v1/auth/forgot", {"email": ANA}, host="evil.example")
    assert answer.status == 202
    code = link(await postbox.mail(), "reset")
    unknown = await office.nobody().post("/api/v1/auth/forgot", {"email": "nobody@example.com"})
    assert (unknown.status, unknown.json) == (answer.status, answer.json)
    fresh = office.nobody()
    body = {"code": code, "password": "another long one"}
    assert (await fresh.post("/api/v1/auth/reset", body)).status == 200
    assert (await ana.get("/api/v1/me")).status == 401
    assert (await fresh.get("/api/v1/me")).json["user"]["verified"]
    assert len(postbox.mails) == 2


async def test_who_signs_up_shows_that_the_mail_is_theirs(office, postbox):
    ana = await office.sign_up(ANA)
    code = link(await postbox.mail(), "verify")
    assert not (await ana.get("/api/v1/me")).json["user"]["verified"]
    # Whoever has the mail, and not the account, confirms nothing: it may be somebody else's account.
    eve = await office.sign_up("eve@example.com")
    assert (await eve.put("/api/v1/me/verification", {"code": code})).error["code"] == "invalid_link"
    assert (await office.nobody().put("/api/v1/me/verification", {"code": code})).status == 401
    assert (await ana.put("/api/v1/me/verification", {"code": code})).status == 204
    assert (await ana.get("/api/v1/me")).json["user"]["verified"]


async def test_nobody_is_mailed_without_end(office, postbox):
    await office.sign_up(ANA)
    statuses = [(await office.nobody().post("/api/v1/auth/forgot", {"email": ANA})).status for _ in range(6)]
    assert statuses == [202] * 5 + [429]


@pytest.mark.parametrize("refuses", ["MAIL", "RCPT", "DATA", "EHLO"])
async def test_where_the_mail_is_not_taken_the_admin_has_the_link(office, postbox, refuses, caplog):
    boss = await office.sign_up("boss@example.com")
    await postbox.mail()
    postbox.refuses = refuses
    if refuses == "EHLO":
        await postbox.stop()
    made = await boss.post("/api/v1/invitations", {"email": ANA, "role": "viewer"})
    assert (made.status, made.json["mailed"]) == (201, False)
    assert "could not be sent" in made.json["problem"]
    assert made.json["link"] == f"https://gate.example.com/invitation#{made.json['code']}"
    ana = office.nobody()
    body = {"code": made.json["code"], "password": PASSWORD, "name": "Ana"}
    assert (await ana.post("/api/v1/auth/invitation", body)).status == 200
    assert not (await ana.get("/api/v1/me")).json["user"]["verified"]  # the admin has seen the code
    assert len(await office.rows(tables.invitations)) == 1


async def test_with_the_mail_server_away_a_lost_password_is_told_the_same(office, postbox, caplog):
    await office.sign_up(ANA)
    await postbox.mail()
    await postbox.stop()
    with caplog.at_level(logging.WARNING, "xroute.mail"):
        answer = await office.nobody().post("/api/v1/auth/forgot", {"email": ANA})
        await office.persons.mailer.close()
    assert answer.status == 202
    assert "could not be sent" in caplog.text and "127.0.0.1" in caplog.text
    assert "#" not in caplog.text  # no link


async def test_an_admin_has_a_member_mailed_and_sees_no_link(office, postbox):
    boss = await office.sign_up("boss@example.com")
    await postbox.mail()
    await boss.post("/api/v1/invitations", {"email": ANA, "role": "owner"})
    body = {"code": link(await postbox.mail(), "invitation"), "password": PASSWORD, "name": "Ana"}
    await office.nobody().post("/api/v1/auth/invitation", body)
    member = await office.member_id(boss, ANA)
    made = await boss.post(f"/api/v1/members/{member}/reset")
    assert made.json == {"mailed": True, "link": None, "code": None}
    assert (await postbox.mail())["To"] == ANA


@pytest.mark.parametrize("kind", ["starttls", "tls"])
async def test_mail_is_sent_by_tls_to_whom_is_trusted_alone(tmp_path, kind):
    postbox = Postbox(certificate(tmp_path), at_once=kind == "tls")
    await postbox.start()
    settings = SmtpSettings(
        host="localhost",
        port=postbox.port,
        tls=kind,
        sender="a@example.com",
        user="gate",
        password=Secret("pw"),
    )
    trusting = Mailer(settings, ssl.create_default_context(cafile=tmp_path / "cert.pem"))
    await trusting.send(ANA, "Grüße", "Fünf.\n")
    mail = await postbox.mail()
    assert postbox.users == ["gate"]
    assert str(make_header(decode_header(mail["Subject"]))) == "Grüße"
    with pytest.raises(MailFailed, match="certificate"):
        await Mailer(settings).send(ANA, "s", "t")
    await postbox.stop()


async def test_a_refused_password_is_told_without_it(postbox):
    postbox.refuses = "AUTH"
    settings = SmtpSettings(
        host="127.0.0.1",
        port=postbox.port,
        tls="none",
        sender="a@b.example",
        user="u",
        password=Secret("hunter2"),
    )
    with pytest.raises(MailFailed) as caught:
        await Mailer(settings).send(ANA, "s", "t")
    assert "refuses user and password" in str(caught.value) and "hunter2" not in str(caught.value)
