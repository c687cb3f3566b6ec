"""Measures xroute beside a bare relay and, where installed, its peers: `python -m bench`."""
