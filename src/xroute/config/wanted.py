"""Which providers are used: those of the file, or else those whose keys were found."""

from collections.abc import Mapping

from xroute.config.settings import Settings


def wanted_providers(settings: Settings, found: Mapping[str, str]) -> list[str]:
    """Provider ids to use. Whoever wrote a `providers` section, even an empty one, said it all."""
    if "providers" in settings.model_fields_set:
        return [name for name, provider in settings.providers.items() if not provider.disabled]
    return list(found)
