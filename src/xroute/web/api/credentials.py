"""Credentials at providers: a workspace's own, and for operators those that serve everybody."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from xroute.config.secret import Secret
from xroute.errors import ConfigError, InvalidRequest, ServerError
from xroute.gateway.byok import Byok
from xroute.store.credentials import OURS, Stored
from xroute.web.api.context import ActorOf, ServicesOf, workspace_of
from xroute.web.api.shapes import PAGE, Body, Cursor, Limit, Name, moment, page

OWN = "/api/v1/credentials"
SHARED = "/api/v1/installation/credentials"
LONGEST = 16 * 1024  # characters of a secret; a service account's JSON has some 2,500


def _one_line(value: object) -> object:
    """JSON as Google writes it has line breaks, which no other secret may have."""
    if not isinstance(value, str):
        return value
    if len(value) > LONGEST:
        raise PydanticCustomError("secret_long", "is longer than any credential")
    if not value.lstrip().startswith("{"):
        return value
    try:
        return orjson.dumps(orjson.loads(value)).decode()
    except orjson.JSONDecodeError:
        raise PydanticCustomError("secret_json", "begins as JSON does, and cannot be read as such") from None


SecretText = Annotated[Secret, BeforeValidator(_one_line)]
Weight = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]


class NewCredential(Body):
    """A credential to store. Where it is sent is what the config and the catalog say of its provider."""

    provider: Name
    name: Name
    secret: SecretText = Field(description="Shown to nobody again.")
    weight: Weight = Field(default=1.0, description="Its share of the calls, beside others of its kind.")
    fallback: bool = Field(
        default=True, description="Of a workspace's own: where it fails, the installation's may be tried."
    )


class CredentialChange(Body):
    """What is to be different. What `shown` shows, sent as `secret`, changes nothing."""

    name: Name | None = None
    secret: SecretText | None = None
    weight: Weight | None = None
    fallback: bool | None = None
    disabled: bool | None = None


class NewHost(Body):
    """The hosts that the credential may be sent to from now on, as `problem` names them."""

    host: Name


class Credential(BaseModel):
    """A credential as it is shown."""

    id: str
    provider: str
    name: str
    host: str = Field(description="The only ones it is ever sent to, with a space between several.")
    shown: str = Field(description="Its first and last characters at most.")
    weight: float
    fallback: bool
    disabled: bool
    problem: str | None = Field(description="Why it is not used.")
    by: str
    created: str
    changed: str | None


class Credentials(BaseModel):
    """A page of credentials."""

    data: list[Credential]
    next: str | None


class Deleted(BaseModel):
    """What is no more."""

    id: str
    deleted: bool = True


class Trial(BaseModel):
    """What the provider made of it."""

    verdict: str = Field(description="`ok`, `refused`, `unreachable` or `unclear`.")
    text: str
    status: int | None


def _owner(request: Request) -> str:
    """Whose credentials a route is about: there is one address for a workspace's own and one for ours."""
    return OURS if request.scope["route"].path.startswith(SHARED) else workspace_of(request)


OwnerOf = Annotated[str, Depends(_owner)]


def router() -> APIRouter:
    """Both sets of routes."""
    routes = APIRouter(tags=["credentials"])
    for path in (OWN, SHARED):
        routes.add_api_route(path, listed, methods=["GET"])
        routes.add_api_route(path, create, methods=["POST"], status_code=201)
        routes.add_api_route(path + "/{id}", one, methods=["GET"])
        routes.add_api_route(path + "/{id}", change, methods=["PATCH"])
        routes.add_api_route(path + "/{id}", delete, methods=["DELETE"])
        routes.add_api_route(path + "/{id}/confirm", confirm, methods=["POST"])
        routes.add_api_route(path + "/{id}/test", test, methods=["POST"])
    return routes


async def listed(
    services: ServicesOf, owner: OwnerOf, limit: Limit = PAGE, cursor: Cursor | None = None
) -> Credentials:
    """Credentials, the newest first."""
    found = await services.byok.credentials.page(owner, limit, cursor)
    shown = [_shown(services.byok, row) for row in found.data]
    return Credentials.model_validate(page(shown, found.next))


async def create(services: ServicesOf, owner: OwnerOf, actor: ActorOf, body: NewCredential) -> Credential:
    """Stores a credential; it serves at once, in every process within a second."""
    byok = services.byok
    host = byok.place(body.provider, workspace=owner)
    byok.check(body.provider, body.secret)
    wanted = Stored(
        "", owner, body.provider, body.name, host, "", body.weight, body.fallback, False, "", 0, None
    )
    with _vault_told():
        made = await byok.credentials.create(actor, wanted, body.secret)
    await byok.reload()
    return _shown(byok, made)


async def one(services: ServicesOf, owner: OwnerOf, id: str) -> Credential:
    """One credential, masked."""
    return _shown(services.byok, (await services.byok.credentials.find(owner, id)).stored)


async def change(
    services: ServicesOf, owner: OwnerOf, actor: ActorOf, id: str, body: CredentialChange
) -> Credential:
    """Changes what is given; a new secret takes the old one's place."""
    byok = services.byok
    if body.secret is not None:
        row = (await byok.credentials.find(owner, id)).stored
        if body.secret.reveal() != row.shown:
            byok.check(row.provider, body.secret)
    with _vault_told():
        changed = await byok.credentials.change(actor, owner, id, _changes(body), body.secret)
    await byok.reload()
    return _shown(byok, changed)


async def delete(services: ServicesOf, owner: OwnerOf, actor: ActorOf, id: str) -> Deleted:
    """Deletes it for good; calls under way end with it."""
    await services.byok.credentials.remove(actor, owner, id)
    await services.byok.reload()
    return Deleted(id=id)


async def confirm(services: ServicesOf, owner: OwnerOf, actor: ActorOf, id: str, body: NewHost) -> Credential:
    """Lets it be sent to the provider's address as it is now, after that has changed."""
    byok = services.byok
    row = (await byok.credentials.find(owner, id)).stored
    now = byok.place(row.provider, workspace=owner)
    if body.host != now:
        text = f"{row.provider} is at {now}, and a credential of it goes nowhere else."
        raise InvalidRequest(text, code="host_differs", param="host")
    with _vault_told():
        moved = await byok.credentials.confirm(actor, owner, id, now)
    await byok.reload()
    return _shown(byok, moved)


async def test(services: ServicesOf, owner: OwnerOf, id: str) -> Trial:
    """Asks the provider for its list of models, which costs nothing, and says what it made of it."""
    found = await services.byok.test(await services.byok.credentials.find(owner, id))
    return Trial(verdict=found.verdict, text=found.text, status=found.status)


@contextmanager
def _vault_told() -> Generator[None]:
    """A master key that is missing is the installation's fault, and says what to set."""
    try:
        yield
    except ConfigError as error:
        raise ServerError(f"Credentials cannot be sealed: {error}.", code="master_key") from error


def _changes(body: CredentialChange) -> Mapping[str, Any]:
    """Fields that were sent; one that is null stays as it was."""
    return {name: value for name, value in body.given("secret").items() if value is not None}


def _shown(byok: Byok, row: Stored) -> Credential:
    return Credential(
        id=row.id,
        provider=row.provider,
        name=row.name,
        host=row.host,
        shown=row.shown,
        weight=row.weight,
        fallback=row.fallback,
        disabled=row.disabled,
        problem=byok.problem(row) or None,
        by=row.by,
        created=moment(row.created) or "",
        changed=moment(row.changed),
    )
