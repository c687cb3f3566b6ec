"""What the settings' types say about a key: which names are known there, and what kind of value it takes."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from xroute.config.problem import Key
from xroute.config.secret import Secret
from xroute.config.settings import Part, Settings


def kind_at(key: Key) -> Any:
    """The type of a key, without its constraints and its null; None where there is no such key."""
    kind: Any = Settings
    for part in key:
        kind = _inside(kind, part)
    return kind


def names_at(key: Key) -> list[str]:
    """The settings that a mapping at this key may have; empty where names are free or it is no mapping."""
    kind = kind_at(key)
    return list(kind.model_fields) if is_part(kind) else []


def is_part(kind: Any) -> bool:
    """Is it a mapping of named settings?"""
    return isinstance(kind, type) and issubclass(kind, Part)


def is_text(kind: Any) -> bool:
    """Is it written as plain text?"""
    return kind in (str, Secret, Path)


def is_quotable(kind: Any) -> bool:
    """May a message quote what stands here? Text and sections may be, or hold, a credential out of place."""
    return kind in (int, float, bool, Decimal) or get_origin(kind) is Literal


def bare(kind: Any) -> Any:
    """A type without its constraints and without None."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif get_origin(kind) in (Union, UnionType):
            kind = next(each for each in get_args(kind) if each is not NoneType)
        else:
            return kind


def _inside(kind: Any, part: str | int) -> Any:
    if is_part(kind):
        field = kind.model_fields.get(part)
        return bare(field.annotation) if field else None
    if get_origin(kind) in (dict, Mapping):
        return bare(get_args(kind)[1])
    if get_origin(kind) in (list, tuple, frozenset):
        return bare(get_args(kind)[0])
    return Any if kind is Any else None
