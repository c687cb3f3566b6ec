"""Model servers on this machine, found by asking their ports for their models."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson

from xroute.catalog.entries import Model, Offer, Provider
from xroute.errors import TransportError
from xroute.upstream.auth import models_target
from xroute.wire.http import Timeouts, Transport

PROBE = Timeouts(connect=0.5, first_byte=1.5, between_chunks=1.5, total=3.0)
MAX_LIST = 4 * 1024 * 1024  # bytes of a model list
MAX_MODELS = 500  # of one server


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answered, with the names of its models."""

    provider: Provider
    models: tuple[str, ...]


async def discover(transport: Transport, providers: Iterable[Provider], keys: dict[str, str]) -> list[Found]:
    """Asks each local provider's port, all at once. Only loopback addresses are asked. `keys` by provider."""
    found = await asyncio.gather(
        *(_probe(transport, p, keys.get(p.id)) for p in providers if p.local and p.port)
    )
    return _distinct([server for server in found if server is not None])


def entries(found: Iterable[Found]) -> tuple[list[Provider], list[Model], list[Offer]]:
    """What the servers add to the catalog. Their models' abilities are not known, so nothing is ruled out."""
    providers: list[Provider] = []
    models: list[Model] = []
    offers: list[Offer] = []
    for server in found:
        providers.append(server.provider)
        for name in server.models:
            id_ = f"{server.provider.id}/{name}"
            models.append(
                Model(
                    id_,
                    name,
                    server.provider.id,
                    abilities=frozenset({"*"}),
                    aliases=_aliases(name),
                    source="discovery",
                )
            )
            offers.append(Offer(server.provider.id, id_, name))
    return providers, models, offers


def _aliases(name: str) -> tuple[str, ...]:
    """llama.cpp's server names a model by its file's path; people call it by the file's name."""
    short = name.rpartition("/")[2].removesuffix(".gguf")
    return (name,) if short == name else (name, short)


async def _probe(transport: Transport, provider: Provider, key: str | None) -> Found | None:
    provider = replace(provider, base_url=f"http://127.0.0.1:{provider.port}/v1")
    try:
        exchange = await transport.send("GET", models_target(provider, key, {}), b"", PROBE)
        try:
            if exchange.status != 200:
                return None
            names = _names(await exchange.read(MAX_LIST))
        finally:
            exchange.close()
    except TransportError:
        return None  # nobody there, which is the usual case
    return Found(provider, names) if names else None


def _names(raw: bytes) -> tuple[str, ...]:
    """Model names of OpenAI's list; empty for anything else that may listen on such a port."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return ()
    data: Any = cast("dict[str, Any]", body).get("data") if isinstance(body, dict) else None
    if not isinstance(data, list):
        return ()
    names = [
        cast("dict[str, Any]", item).get("id") for item in cast("list[Any]", data) if isinstance(item, dict)
    ]
    # A name stands in the headers of answers, where a line break would begin another header.
    return tuple(name for name in names if isinstance(name, str) and name and name.isprintable())[:MAX_MODELS]


def _distinct(found: list[Found]) -> list[Found]:
    """One server for each port: several kinds share a default port, the first that is listed has it."""
    by_port: dict[int, Found] = {}
    for server in found:
        by_port.setdefault(server.provider.port, server)
    return list(by_port.values())
