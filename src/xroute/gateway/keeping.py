"""Bodies of calls, kept as the settings say: the shelf they name, and the credentials that are taken out."""

from collections.abc import Mapping

from xroute.config.load import Loaded
from xroute.errors import ConfigError
from xroute.gateway.fleet import Fleet
from xroute.store.bodies import Bodies
from xroute.store.shelves import Bucket, Folder, Shelf
from xroute.wire.http import Transport


def bodies_of(loaded: Loaded, fleet: Fleet, transports: Mapping[str, Transport]) -> Bodies | None:
    """What keeps bodies; None where none are to be kept. ConfigError for settings that cannot be."""
    settings = loaded.settings.bodies
    if settings.keep == "none":
        return None
    return Bodies(settings, _shelf(loaded, transports), fleet.secrets)


def _shelf(loaded: Loaded, transports: Mapping[str, Transport]) -> Shelf:
    settings = loaded.settings.bodies
    if settings.s3 is None:
        return Folder(loaded.bodies_dir)
    if settings.folder is not None:
        raise ConfigError("set the folder or s3, and not both", "bodies.s3")
    from xroute.upstream.aws import AwsSigner  # an extra: only those who use it need it

    signer = AwsSigner(settings.region, service="s3")
    return Bucket(settings.s3, signer, transports[settings.s3.partition(":")[0]])
