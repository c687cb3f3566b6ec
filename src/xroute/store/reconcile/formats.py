"""The exports that can be read, by the provider they are of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from xroute.store.reconcile import anthropic, google, openai, openrouter
from xroute.store.reconcile.bill import Billed


@dataclass(frozen=True, slots=True)
class Format:
    """How one provider's exports are read."""

    parse: Callable[[str, str], list[Billed]]  # (text, name of the file)
    providers: tuple[str, ...]  # ids in our catalog whose calls are on that bill
    zone: str  # where its days begin


FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        module.PROVIDERS[0]: Format(module.parse, module.PROVIDERS, module.ZONE)
        for module in (openai, anthropic, google, openrouter)
    }
)
