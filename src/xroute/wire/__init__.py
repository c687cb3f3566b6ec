"""Canonical types: what travels between the rooms, and the pieces of HTTP and SSE they share."""
