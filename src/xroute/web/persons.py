"""The parts that let people in, made once for a process."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from xroute.config.settings import Settings
from xroute.store.db import Database
from xroute.store.identities import Identities
from xroute.store.invitations import Invitations
from xroute.store.passwords import Hasher
from xroute.store.people import People
from xroute.store.sessions import Sessions
from xroute.store.sign_in import SignIn
from xroute.store.sign_up import SignUp
from xroute.store.tokens import Tokens
from xroute.web.attempts import Attempts
from xroute.web.fetch import Fetcher
from xroute.web.issuers import known
from xroute.web.letters import Letters
from xroute.web.mail import Mailer
from xroute.web.oidc import Issuer
from xroute.web.peer import Peers
from xroute.web.reception import Reception
from xroute.web.seal import Seal
from xroute.wire.http import Transport

log = logging.getLogger("xroute.web")


@dataclass(slots=True)
class Tries:
    """What may be tried how often. One process counts by itself."""

    address: Attempts = field(
        default_factory=lambda: Attempts(60, 300)
    )  # whatever is tried, from one address
    mail: Attempts = field(default_factory=lambda: Attempts(10, 300))  # a password of one mail
    letters: Attempts = field(default_factory=lambda: Attempts(5, 3600))  # mails to one address
    invitations: Attempts = field(default_factory=lambda: Attempts(50, 3600))  # of one workspace
    fresh: Attempts = field(default_factory=lambda: Attempts(10, 3600))  # sign-ups from one address


@dataclass(slots=True)
class Persons:
    """What the routes about people work with."""

    settings: Settings
    db: Database
    people: People
    sessions: Sessions
    sign_in: SignIn
    sign_up: SignUp
    invitations: Invitations
    tokens: Tokens
    hasher: Hasher
    mailer: Mailer
    letters: Letters
    identities: Identities
    issuers: dict[str, Issuer]  # by name
    seal: Seal
    peers: Peers
    tries: Tries = field(default_factory=Tries)

    def reception(self) -> Reception:
        """What the edge asks who acts."""
        settings = self.settings
        return Reception(
            self.people,
            self.sessions,
            self.tokens,
            self.peers,
            settings.admin_token,
            str(settings.public_url) if settings.public_url else None,
        )

    async def close(self) -> None:
        """Ends the threads."""
        await self.mailer.close()
        self.hasher.close()


SHORT = 16  # characters; an admin token that is shorter can be found by trying


def make(settings: Settings, db: Database, pepper: bytes, transports: Mapping[str, Transport]) -> Persons:
    """`pepper` keys every hash; `transports["https"]` asks issuers. ConfigError for an unusable one."""
    if settings.admin_token and len(settings.admin_token.reveal()) < SHORT:
        log.warning("admin_token has less than %d characters: whoever guesses it can do everything", SHORT)
    sessions = Sessions(db, pepper, settings.sign_in.session_hours)
    hasher = Hasher()
    sign_in = SignIn(db, pepper, sessions, hasher)
    sign_up = SignUp(db, sign_in, hasher)
    invitations = Invitations(db, pepper, sign_in, sign_up, hasher)
    letters = Letters(settings)
    return Persons(
        settings=settings,
        db=db,
        people=People(db, sessions),
        sessions=sessions,
        sign_in=sign_in,
        sign_up=sign_up,
        invitations=invitations,
        tokens=Tokens(db, pepper),
        hasher=hasher,
        mailer=Mailer(settings.smtp),
        letters=letters,
        identities=Identities(db, sign_in, sign_up, invitations),
        issuers=_issuers(settings, transports["https"], letters),
        seal=Seal(pepper),
        peers=Peers(settings.trusted_proxies),
    )


def _issuers(settings: Settings, transport: Transport, letters: Letters) -> dict[str, Issuer]:
    fetcher = Fetcher(transport)
    return {
        each.name: Issuer(each, known(each), fetcher, letters.callback(each.name))
        for each in settings.sign_in.oidc
    }


async def first_owner(persons: Persons) -> str | None:
    """The link that signs the first operator in; None where somebody has been in before."""
    code = await persons.sign_in.first_owner()
    return None if code is None else persons.letters.sign_in_link(code)
