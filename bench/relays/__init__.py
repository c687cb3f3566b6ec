"""Bare relays: what a request costs when nothing is done with it but to pass it on."""
