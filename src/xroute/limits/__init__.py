"""Limits and budgets: what a call has to pass, decided without I/O and without a clock of its own."""
