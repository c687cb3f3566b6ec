"""Policy: which deployment, in which order, and what next after a failure. No I/O, no clock, no dice here."""
