"""Stored credentials become deployments: ours for everybody, a workspace's own for its calls alone."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from xroute.catalog.entries import Provider
from xroute.config.secret import Secret
from xroute.config.settings import ProviderSettings
from xroute.errors import ConfigError, InvalidRequest, RateLimited, TransportError, XrouteError
from xroute.gateway.bound import check_secret, origins
from xroute.gateway.compose import SIM, Scene
from xroute.gateway.hosts import Host, variables_of
from xroute.store.credentials import Credentials, Sealed, Stored
from xroute.store.db import AWAY, why
from xroute.upstream.auth import models_target
from xroute.upstream.oauth import TokenSigner
from xroute.upstream.signers import signer_of
from xroute.wire.http import Timeouts, Transport

log = logging.getLogger("xroute.credentials")

ASK = Timeouts(connect=5.0, first_byte=10.0)
AT_ONCE = 4  # tests under way
AGAIN_S = 0.5  # between tries while the database is away
# Variables of an address that say who signs on this machine, which is no stored credential's business.
OF_MACHINE = frozenset({"profile", "role"})

Verdict = Literal["ok", "refused", "unreachable", "unclear"]


@dataclass(frozen=True, slots=True)
class Trial:
    """What a provider made of a credential. `text` is ours: the provider's own words are not passed on."""

    verdict: Verdict
    text: str
    status: int | None = None


class Byok:
    """Keeps the fleet's stored credentials as the database has them."""

    def __init__(self, scene: Scene, credentials: Credentials, transports: Mapping[str, Transport]) -> None:
        self._scene = scene
        self._fleet = scene.fleet
        self.credentials = credentials
        self._transports = transports
        self._known: dict[str, tuple[Stored, Host]] = {}
        self._lock = asyncio.Lock()
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._retrying: asyncio.Task[None] | None = None
        is_stopgap = scene.simulated and SIM.id not in scene.loaded.settings.providers
        self._sim = scene.fleet.hosts.get(SIM.id) if is_stopgap else None

    async def reload(self) -> None:
        """Reads the credentials again, and gives the fleet those that are new or changed.

        One that cannot be used takes no other with it. Raises store.db.AWAY; all stays as it was then.
        """
        async with self._lock:
            rows = await self.credentials.everything()
            before = self._known
            self._known = {row.stored.id: self._taken(row) for row in rows}
            hosts = [host for _, host in self._known.values()]
            if hosts != [host for _, host in before.values()]:
                self._fleet.update(self._fleet.catalog, self._hosts(hosts), hosts)

    async def heard(self, rows: set[str]) -> None:
        """Credentials have changed: for `Directory.listen`. With the database away it is tried again."""
        try:
            await self.reload()
        except AWAY as error:
            log.warning("credentials cannot be read (%s): they stay as they are", why(error))
            if self._retrying is None or self._retrying.done():
                self._retrying = asyncio.create_task(self._retry())

    async def close(self) -> None:
        """Ends what runs in the background."""
        if self._retrying is not None:
            self._retrying.cancel()

    async def _retry(self) -> None:
        while True:
            await asyncio.sleep(AGAIN_S)
            try:
                await self.reload()
            except AWAY:
                continue
            return

    def place(self, provider_id: str, *, workspace: str) -> str:
        """The hosts that a credential of this provider is bound to; InvalidRequest where none may be."""
        try:
            provider = self._provider(provider_id)
            if problem := self._unwanted(provider, workspace):
                raise ConfigError(problem)
            return origins(provider, self._variables(provider))
        except ConfigError as error:
            raise InvalidRequest(
                f"`{provider_id}`: {error}.", code="invalid_provider", param="provider"
            ) from None

    def check(self, provider_id: str, secret: Secret) -> None:
        """InvalidRequest for a secret that no request can carry, or that is not to be stored."""
        provider = self._provider(provider_id)
        check_secret(provider, secret, self._variables(provider))

    def problem(self, row: Stored) -> str:
        """Why a credential is not used, for people; "" = it is, or it is disabled."""
        known = self._known.get(row.id)
        return known[1].problem if known else ""

    async def test(self, sealed: Sealed) -> Trial:
        """Asks the provider for its list of models, once; never another host than the credential's own.

        RateLimited where too many are under way.
        """
        if self._gate.locked():
            raise RateLimited("Other credentials are being tested.", code="tests_under_way", retry_after_s=1)
        async with self._gate:
            host = self._host(sealed)
            if host.problem:
                return Trial("unclear", f"It {host.problem}.")
            try:
                return await self._ask(host)
            except TransportError as error:
                return Trial("unreachable", f"{sealed.stored.host} cannot be reached: {error}.")
            except ConfigError as error:
                return Trial("refused", f"{error}.")

    async def _ask(self, host: Host) -> Trial:
        (_, key, _), [signer] = host.keys[0], host.signers
        target = models_target(host.provider, None if signer else key, host.variables)
        if signer is not None:
            target = await signer.sign("GET", target, b"")
        exchange = await self._transports[target.url.partition(":")[0]].send("GET", target, b"", ASK)
        exchange.close()
        return _judged(exchange.status)

    def _taken(self, row: Sealed) -> tuple[Stored, Host]:
        """The host of a row: the same object as before if nothing has changed, so that its health stays."""
        known = self._known.get(row.stored.id)
        if known is not None and known[0] == row.stored and not known[1].problem:
            return known
        host = self._host(row)
        if host.problem and (known is None or known[1].problem != host.problem):
            log.error(
                "credential %s (%s, %s) %s", row.stored.id, row.stored.provider, row.stored.name, host.problem
            )
        return row.stored, host

    def _host(self, row: Sealed) -> Host:
        """A provider with this one credential. `problem` says why it cannot be used."""
        stored = row.stored
        try:
            provider = self._provider(stored.provider)
        except ConfigError as error:
            return self._unusable(
                Provider(stored.provider, stored.provider, "openai", ""), stored, str(error)
            )
        try:
            if problem := self._unwanted(provider, stored.workspace) or self._moved(provider, stored):
                return self._unusable(provider, stored, problem)
            secret = self.credentials.open(row)
            variables = self._variables(provider)
            check_secret(provider, secret, variables)
            signer = signer_of(provider, secret.reveal(), variables)
        except XrouteError as error:
            return self._unusable(provider, stored, f"cannot be used: {error}")
        if isinstance(signer, TokenSigner):
            signer.transports = self._transports
        host = self._bare(provider, stored)
        key = (stored.name, secret.reveal(), stored.weight)
        return replace(host, keys=(key,), variables=variables, signers=(signer,))

    def _bare(self, provider: Provider, stored: Stored) -> Host:
        return Host(
            provider=provider,
            keys=((stored.name, None, stored.weight),),
            variables={},
            settings=self._section(provider.id),
            origin="stored",
            credential=stored.id,
            workspace=stored.workspace,
            fallback=stored.fallback,
            origins=frozenset(stored.host.split()),
        )

    def _unusable(self, provider: Provider, stored: Stored, problem: str) -> Host:
        return replace(self._bare(provider, stored), problem=problem)

    def _provider(self, id_: str) -> Provider:
        provider = self._fleet.catalog.providers.get(id_)
        if provider is None:
            raise ConfigError("no such provider is known")
        return provider

    def _section(self, id_: str) -> ProviderSettings:
        return self._fleet.settings.providers.get(id_) or ProviderSettings()

    def _variables(self, provider: Provider) -> dict[str, str]:
        found = variables_of(provider, self._section(provider.id), self._scene.loaded.environ)
        return {name: value for name, value in found.items() if name not in OF_MACHINE}

    def _unwanted(self, provider: Provider, workspace: str) -> str:
        """Why no credential of this provider is used here, "" if one is."""
        settings = self._fleet.settings
        if "providers" in settings.model_fields_set and provider.id not in settings.providers:
            return "this installation does not use that provider: it is not in the config's `providers`"
        if self._section(provider.id).disabled:
            return "this installation does not use that provider: it is disabled in the config"
        if provider.auth == "none":
            return "that provider takes no credential"
        if workspace and provider.local and provider.id not in self._fleet.hosts:
            return "that provider runs on the gateway's own machines, and is not in use here"
        return ""

    def _moved(self, provider: Provider, stored: Stored) -> str:
        """It was given for one host; somebody has to say that another one may have it."""
        now = origins(provider, self._variables(provider))
        if now == stored.host:
            return ""
        return (
            f"was stored for {stored.host}, and {provider.id} is now at {now}: confirm that, or store it anew"
        )

    def _hosts(self, stored: list[Host]) -> list[Host]:
        """The hosts of the config and the environment; the simulator stands in only while there is nobody."""
        hosts = [host for host in self._fleet.hosts.values() if host is not self._sim]
        is_served = any(not host.problem for host in (*hosts, *stored))
        return hosts if is_served or self._sim is None else [*hosts, self._sim]


def _judged(status: int) -> Trial:
    if status in (401, 403):
        return Trial("refused", "The provider refuses it.", status)
    if 300 <= status < 400:
        return Trial(
            "unclear", "The provider redirects elsewhere, and a credential goes nowhere else.", status
        )
    if status == 429 or status >= 500:
        return Trial("unclear", "The provider is reached, but cannot say now: try again later.", status)
    if status >= 400:
        return Trial("unclear", "The provider is reached, and does not list its models.", status)
    return Trial("ok", "The provider takes it.", status)
