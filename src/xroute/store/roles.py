"""Roles: what there are, and which of them one may give to others."""

from typing import Final

ROLES: Final = ("owner", "admin", "developer", "viewer", "billing")
OPERATOR: Final = "operator"  # of a token: runs the installation
# An admin gives nobody what they have not got themselves: ownership, and power over money.
GRANTS: Final = {"owner": frozenset(ROLES), "admin": frozenset({"admin", "developer", "viewer"})}
