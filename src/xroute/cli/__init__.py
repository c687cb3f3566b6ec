"""The command `xroute`: one file per command."""

from xroute.cli.app import app, main

__all__ = ["app", "main"]
