"""Whom we trust when a provider is reached over TLS."""

import ssl

import certifi

from xroute.errors import ConfigError


def make_context(ca_file: str | None, insecure: bool) -> ssl.SSLContext:
    """Trust certifi's certificates and the system's, or those in `ca_file` alone, or (insecure) anyone.

    ConfigError if `ca_file` cannot be read. Takes some 20 ms.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file or certifi.where())
    except OSError as error:
        raise ConfigError(f"the certificates in {ca_file} cannot be read: {error}") from error
    if not ca_file:
        context.load_default_certs()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
