"""TOML tables become entries; what does not fit is an error that names the file and the key."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast, get_args

from xroute.catalog.entries import ABILITIES, Auth, DataPolicy, Model, Offer, Provider, Quirks, Reasoning
from xroute.errors import ConfigError

Table = dict[str, Any]
DIALECTS = frozenset(
    {
        "openai",
        "openai_responses",
        "anthropic",
        "gemini",
        "bedrock",
        "cohere",
        "ollama",
        "elevenlabs",
        "deepgram",
    }
)
MODALITIES = frozenset({"text", "image", "audio", "video", "file"})
DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Batch:
    """What one file of models says."""

    models: list[Model] = field(default_factory=list[Model])
    offers: list[Offer] = field(default_factory=list[Offer])


def read_provider(table: Table, name: str, where: str) -> Provider:
    """The provider of one file; `name` is its id unless the table gives one."""
    table = {"id": name, "name": name, "dialect": "openai", **table}
    quirks = _values(
        Quirks, _mapping(table.pop("quirks", {}), f"{where} quirks"), f"{where} quirks", joint="."
    )
    data = _values(DataPolicy, _mapping(table.pop("data", {}), f"{where} data"), f"{where} data", joint=".")
    provider = Provider(
        **_values(Provider, table, where), quirks=Quirks(**quirks), data=_data(data, f"{where} data.")
    )
    _require(provider.dialect in DIALECTS, f"{provider.dialect!r} is no dialect", where, "dialect")
    _require(provider.auth in get_args(Auth), f"{provider.auth!r} is no form of auth", where, "auth")
    needs_name = provider.auth in ("header", "query")
    _require(bool(provider.auth_name) or not needs_name, "needed with this auth", where, "auth_name")
    form = provider.quirks.reasoning
    _require(form in get_args(Reasoning), f"{form!r} is no such form", f"{where} quirks.", "reasoning")
    _check_url(provider, where)
    return provider


def _data(values: Table, where: str) -> DataPolicy:
    """Nobody is trusted with data on hearsay: whoever says something says where it stands."""
    _require(not values or bool(values.get("source")), "is missing: the URL of these facts", where, "source")
    _require(not values or bool(values.get("checked")), "is missing: the day it was read", where, "checked")
    return DataPolicy(**values)


def _check_url(provider: Provider, where: str) -> None:
    url = provider.base_url
    _require(url.startswith(("https://", "http://")), "needs an http or https URL", where, "base_url")
    _require(not url.endswith("/"), "ends with a slash: leave it out", where, "base_url")
    missing = [name for name in PLACEHOLDER.findall(url) if name not in provider.vars]
    _require(not missing, f"has no variable for {', '.join(missing)}", where, "vars")


def read_models(table: Table, where: str) -> Batch:
    """The models and offers of one file: `maker`, `source` and `checked` hold for all its models."""
    known = {"maker", "source", "checked", "model", "offers"}
    for key in table:
        _require(key in known, f"unknown key; known are {', '.join(sorted(known))}", where, key)
    common = {key: table[key] for key in ("maker", "source", "checked") if key in table}
    batch = Batch()
    for position, entry in enumerate(_tables(table.get("model", []), where, "model")):
        _read_model({**common, **entry}, f"{where} model[{entry.get('id', position)}]", batch)
    for provider, served in _mapping(table.get("offers", {}), f"{where} offers").items():
        for model, value in _mapping(served, f"{where} offers.{provider}").items():
            batch.offers.append(_read_offer(provider, model, value, f"{where} offers.{provider}.{model}"))
    return batch


def _read_model(entry: Table, where: str, batch: Batch) -> None:
    served = _mapping(entry.pop("on", {}), f"{where}.on")
    values = _values(Model, {"name": entry.get("id", ""), **entry}, where, joint=".")
    values["id"], short = _full_id(values["id"], values["maker"])
    values["abilities"] = _abilities(values)
    values["aliases"] = tuple(dict.fromkeys((short, *values.get("aliases", ()))))
    model = Model(**values)
    _check_model(model, where)
    batch.models.append(model)
    for provider, value in served.items():
        batch.offers.append(_read_offer(provider, model.id, value, f"{where}.on.{provider}"))


def _full_id(name: str, maker: str) -> tuple[str, str]:
    """The id with its maker, and the short name without."""
    full = name if "/" in name else f"{maker}/{name}"
    return full, full.partition("/")[2]


def _abilities(values: Table) -> frozenset[str]:
    """The abilities given, with those that the modalities mean: one filter then serves both."""
    inputs: tuple[str, ...] = values.get("input_modalities", ())
    outputs: tuple[str, ...] = values.get("output_modalities", ())
    implied = {"streaming", *inputs, *(f"{kind}_out" for kind in outputs)} - {"text", "text_out"}
    given: frozenset[str] = values.get("abilities", frozenset[str]())
    return given | implied


def _check_model(model: Model, where: str) -> None:
    strange = model.abilities - ABILITIES
    _require(not strange, f"no ability: {', '.join(sorted(strange))}", f"{where}.", "abilities")
    for key in ("input_modalities", "output_modalities"):
        odd = set(getattr(model, key)) - MODALITIES
        _require(not odd, f"no modality: {', '.join(sorted(odd))}", f"{where}.", key)
    for key in ("released", "knowledge", "deprecated", "retired"):
        value = getattr(model, key)
        _require(not value or bool(DATE.fullmatch(value)), f"{value!r} is no ISO date", f"{where}.", key)


def _read_offer(provider: str, model: str, value: Any, where: str) -> Offer:
    """`provider = "upstream"` or `provider = {as = "upstream", context, output, without}`."""
    if isinstance(value, str):
        return Offer(provider, model, value)
    table = dict(_mapping(value, where))
    table["upstream"] = table.pop("as", "")
    _require(bool(table["upstream"]), "is missing: the provider's name for the model", f"{where}.", "as")
    offer = Offer(**_values(Offer, {**table, "provider": provider, "model": model}, where, joint="."))
    strange = offer.without - ABILITIES
    _require(not strange, f"no ability: {', '.join(sorted(strange))}", f"{where}.", "without")
    return offer


def _values(kind: type, table: Mapping[str, Any], where: str, joint: str = " ") -> Table:
    """The table's values as the entry's field types want them; `where` plus a key names each."""
    checks = _CHECKS[kind]
    values: Table = {}
    for key, value in table.items():
        if key not in checks:
            raise ConfigError(f"unknown key; known are {', '.join(sorted(checks))}", f"{where}{joint}{key}")
        try:
            values[key] = checks[key](value)
        except TypeError as wrong:
            raise ConfigError(f"{wrong}, not {value!r}", f"{where}{joint}{key}") from None
    for key in _NEEDED[kind]:
        _require(key in values and values[key] != "", "is missing", f"{where}{joint}", key)
    return values


def _require(holds: bool, message: str, where: str, key: str) -> None:
    if not holds:
        gap = "" if where.endswith((".", " ")) else " "
        raise ConfigError(message, f"{where}{gap}{key}")


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"needs a table, not {value!r}", where)
    return cast(dict[str, Any], value)


def _tables(value: Any, where: str, key: str) -> list[Table]:
    if not isinstance(value, list):
        raise ConfigError(f"write [[{key}]], a list of tables", f"{where} {key}")
    return [dict(_mapping(item, f"{where} {key}")) for item in cast(list[Any], value)]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("needs a text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("needs true or false")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("needs a whole number")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("needs a list of texts")
    return tuple(_text(item) for item in cast(list[Any], value))


def _words(value: Any) -> frozenset[str]:
    return frozenset(_texts(value))


def _anything(value: Any) -> Table:
    if not isinstance(value, dict):
        raise TypeError("needs a table")
    return cast(Table, value)


def _strings(value: Any) -> dict[str, str]:
    return {key: _text(item) for key, item in _anything(value).items()}


_READERS: dict[Any, Callable[[Any], Any]] = {
    str: _text,
    bool: _flag,
    int: _count,
    int | None: _count,
    bool | None: _flag,
    Auth: _text,
    Reasoning: _text,
    tuple[str, ...]: _texts,
    frozenset[str]: _words,
    dict[str, str]: _strings,
    dict[str, Any]: _anything,
}
# Made from the entries, so that a new field there needs no change here.
_CHECKS = {
    kind: {item.name: _READERS[item.type] for item in fields(kind) if item.type not in (Quirks, DataPolicy)}
    for kind in (Quirks, DataPolicy, Provider, Model, Offer)
}
_NEEDED: dict[type, tuple[str, ...]] = {
    Quirks: (),
    DataPolicy: (),
    Provider: ("id", "base_url"),
    Model: ("id", "maker"),
    Offer: (),
}
