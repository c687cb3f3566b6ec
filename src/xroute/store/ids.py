"""Ids of rows: random, with a prefix that says what they are of."""

import secrets


def new(prefix: str) -> str:
    """`key_` and 96 random bits."""
    return f"{prefix}_{secrets.token_hex(12)}"
