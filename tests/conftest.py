"""Fixtures that every test may ask for, and how properties are searched: by count, never by the clock."""

import contextlib

pytest_plugins = ["tests.databases", "tests.redises"]

with contextlib.suppress(ModuleNotFoundError):  # the clients' environment does without
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "calm", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow], print_blob=True
    )
    settings.load_profile("calm")
