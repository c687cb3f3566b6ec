"""`xroute providers`: who can be called, and where each one's key is looked for."""

from typing import TYPE_CHECKING, Any

from xroute.cli.output import show_json, show_table
from xroute.cli.sources import ConfigOption, JsonOption, compose_scene, load_settings

if TYPE_CHECKING:
    from xroute.catalog.entries import Provider
    from xroute.gateway.compose import Scene


def providers(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List providers and whether their keys are found."""
    scene = compose_scene(load_settings(config))
    counts = _counts(scene)
    entries = [_entry(scene, provider, counts) for provider in scene.fleet.catalog.providers.values()]
    entries.sort(key=lambda entry: (not entry["in_use"], entry["id"]))
    if as_json:
        show_json(entries)
        return
    columns = ["provider", "name", "in use", "key variable", "dialect", "models", "base URL"]
    show_table(columns, [_cells(entry) for entry in entries], right=("models",))


def _counts(scene: "Scene") -> dict[str, int]:
    """Provider -> how many models it serves."""
    counts: dict[str, int] = {}
    for model in scene.fleet.catalog.models:
        for offer in scene.fleet.catalog.offers(model):
            counts[offer.provider] = counts.get(offer.provider, 0) + 1
    return counts


def _entry(scene: "Scene", provider: "Provider", counts: dict[str, int]) -> dict[str, Any]:
    host = scene.fleet.hosts.get(provider.id)
    return {
        "id": provider.id,
        "name": provider.name,
        "in_use": host is not None,
        "origin": host.origin if host else None,
        "variables": list(provider.env),
        "found": scene.loaded.found.get(provider.id),
        "dialect": provider.dialect,
        "local": provider.local,
        "models": counts.get(provider.id, 0),
        "base_url": provider.base_url,
    }


def _cells(entry: dict[str, Any]) -> list[str]:
    used = f"yes ({entry['origin']})" if entry["in_use"] else "no"
    variables = entry["found"] or " or ".join(entry["variables"])
    return [
        entry["id"],
        entry["name"],
        used,
        variables or ("none needed" if entry["local"] else ""),
        entry["dialect"],
        str(entry["models"]),
        entry["base_url"],
    ]
