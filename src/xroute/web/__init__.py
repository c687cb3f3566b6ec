"""The surfaces: HTTP in, HTTP out."""
