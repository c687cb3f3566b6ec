"""The way of one call: where surface, policy, providers and accounting meet."""
