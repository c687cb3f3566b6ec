"""Providers: how to reach them, sign in to them, and understand their failures."""
