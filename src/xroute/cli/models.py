"""`xroute models`: what can be called, where, and at what price."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xroute.cli.output import note, show_json, show_table
from xroute.cli.sources import ConfigOption, JsonOption, compose_scene, load_settings

if TYPE_CHECKING:
    from xroute.catalog.entries import Model, Offer
    from xroute.gateway.fleet import Fleet
    from xroute.money.price import Price

UNKNOWN = "unknown"  # never 0: an unknown price is a state of its own


@dataclass(frozen=True, slots=True)
class Row:
    """A provider serving a model; without an offer, a model that nobody serves."""

    model: "Model"
    offer: "Offer | None" = None
    price: "Price | None" = None
    in_use: bool = False


def models(
    search: Annotated[str, typer.Option(help="Only those with this in an id, alias, name or maker.")] = "",
    provider: Annotated[str, typer.Option(help="Only what this provider serves.")] = "",
    all_: Annotated[bool, typer.Option("--all", help="Those of providers that are not in use, too.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List models, who serves them and at what price."""
    scene = compose_scene(load_settings(config))
    fleet = scene.fleet
    if provider and provider not in fleet.catalog.providers:
        raise typer.BadParameter(_unknown(provider, list(fleet.catalog.providers)))
    rows = [row for row in _rows(fleet, provider) if _matches(row.model, search.casefold())]
    if not all_ and not provider:
        rows = [row for row in rows if row.in_use]
    if as_json:
        show_json(_grouped(rows))
        return
    if scene.simulated:
        note("No provider is in use, so the simulator answers. `--all` shows who serves these models.")
    _show(rows)


def _unknown(provider: str, known: list[str]) -> str:
    near = get_close_matches(provider, known, n=3)
    return f"no provider {provider!r}" + (f"; near it: {', '.join(near)}" if near else "")


def _rows(fleet: "Fleet", provider: str) -> Iterator[Row]:
    for model in sorted(fleet.catalog.models.values(), key=lambda model: model.id):
        offers = [offer for offer in fleet.catalog.offers(model.id) if provider in ("", offer.provider)]
        for offer in offers:
            price = fleet.prices.price(offer.provider, offer.upstream, model.id)
            yield Row(model, offer, price, offer.provider in fleet.hosts)
        if not offers and not provider:
            yield Row(model)


def _matches(model: "Model", search: str) -> bool:
    return any(search in text.casefold() for text in (model.id, model.name, model.maker, *model.aliases))


def _show(rows: list[Row]) -> None:
    columns = ["model", "provider", "its name", "context", "output", "in $/M", "out $/M", "note"]
    right = ("context", "output", "in $/M", "out $/M")
    show_table(columns, [_cells(row) for row in rows], right)
    count, deployments = len({row.model.id for row in rows}), sum(row.offer is not None for row in rows)
    note(f"{count} models, {deployments} deployments; prices in USD per million tokens")


def _cells(row: Row) -> list[str]:
    model, offer = row.model, row.offer
    limits = offer.limits(model) if offer else (model.context, model.output)
    shown = [f"{limit:,}" if limit else "" for limit in limits]
    names = [offer.provider, offer.upstream] if offer else ["", ""]
    return [model.id, *names, *shown, *(_prices(row.price) if offer else ["", ""]), _note(model)]


def _prices(price: "Price | None") -> list[str]:
    if price is None:
        return [UNKNOWN, UNKNOWN]
    # The room of money is imported by then.
    from xroute.money.nano import as_text

    return [as_text(price.input), as_text(price.output)]


def _note(model: "Model") -> str:
    instead = f", use {model.use_instead}" if model.use_instead else ""
    if model.retired:
        return f"retired {model.retired}{instead}"
    return f"deprecated {model.deprecated}{instead}" if model.deprecated else ""


def _grouped(rows: list[Row]) -> list[dict[str, Any]]:
    """One entry for each model, with its deployments."""
    entries: dict[str, dict[str, Any]] = {}
    for row in rows:
        entry = entries.setdefault(row.model.id, _entry(row.model))
        if row.offer:
            entry["deployments"].append(_deployment(row, row.offer))
    return list(entries.values())


def _entry(model: "Model") -> dict[str, Any]:
    return {
        "id": model.id,
        "name": model.name,
        "maker": model.maker,
        "aliases": list(model.aliases),
        "context": model.context,
        "output": model.output,
        "input_modalities": list(model.input_modalities),
        "output_modalities": list(model.output_modalities),
        "abilities": sorted(model.abilities),
        "released": model.released or None,
        "deprecated": model.deprecated or None,
        "retired": model.retired or None,
        "use_instead": model.use_instead or None,
        "deployments": [],
    }


def _deployment(row: Row, offer: "Offer") -> dict[str, Any]:
    context, output = offer.limits(row.model)
    return {
        "provider": offer.provider,
        "upstream": offer.upstream,
        "context": context,
        "output": output,
        "in_use": row.in_use,
        "price": _price(row.price),
    }


def _price(price: "Price | None") -> dict[str, str] | None:
    """USD per million tokens as exact text; None = not known."""
    if price is None:
        return None
    # The room of money is imported by then.
    from xroute.money.nano import as_text

    rates = {
        "input": price.base.input,
        "output": price.base.output,
        "cached_input": price.base.cached_input,
        "cache_write": price.base.cache_write,
        "reasoning": price.base.reasoning,
        "audio_in": price.base.audio_in,
        "audio_out": price.base.audio_out,
        "image_in": price.base.image_in,
        "image_out": price.base.image_out,
        "request": price.request or None,
    }
    return {name: as_text(rate) for name, rate in rates.items() if rate is not None} | {
        "source": price.source
    }
