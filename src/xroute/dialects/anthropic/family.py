"""The families of Claude, which stand beside the dialects as more than one asks for them."""

from xroute.dialects.claude import Family, family_of

__all__ = ["Family", "family_of"]
