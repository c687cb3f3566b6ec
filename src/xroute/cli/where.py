"""Where commands act: on a running server, or on the configuration's database in this process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xroute.cli.remote import OTHERWISE, Http, Way
from xroute.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Where:
    """What the command line says of the installation."""

    url: str | None = None
    token: str | None = field(default=None, repr=False)
    workspace: str | None = None
    config: Path | None = None

    def way(self) -> Way:
        """The one that is meant; ConfigError where that is not clear."""
        if self.url and self.config:
            raise ConfigError("--url is a running server and --config a file: say one of them")
        # pydantic and YAML are not read here: only the names of two variables.
        from xroute.config import environ

        variables = environ.read()
        url = self.url or ("" if self.config else variables.get("XROUTE_URL", ""))
        if not url:
            return self._local()
        token = self.token or variables.get("XROUTE_TOKEN", "")
        if not token:
            raise ConfigError(
                f"{url} lets in nobody without a management token: set XROUTE_TOKEN, or say --token. On that "
                "server's machine `xroute tokens create` makes one"
            )
        return _http(url, token, variables)

    def place(self) -> str | None:
        """The workspace that is named."""
        # As above.
        from xroute.config import environ

        return self.workspace or environ.read().get("XROUTE_WORKSPACE") or None

    def _local(self) -> Way:
        if self.token:
            raise ConfigError(f"--token is for a running server: say --url, or set XROUTE_URL. {OTHERWISE}")
        # The whole application: only where there is no server to ask.
        from xroute.cli.local import Local

        return Local(self.config)


def _http(url: str, token: str, variables: Mapping[str, str]) -> "Http":
    # The client with its TLS takes a while to import.
    from xroute.upstream.client import HttpTransport
    from xroute.upstream.proxy import read_proxies

    proxies = read_proxies(variables)
    return Http(url, token, HttpTransport(proxy=proxies, ca_file=variables.get("SSL_CERT_FILE") or None))
