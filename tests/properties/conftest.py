"""How the properties are searched: by count, never by the clock, as the machine may be busy."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "calm", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("calm")
