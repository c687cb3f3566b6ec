"""A small mail server on a port of its own, with TLS where it is asked to have it."""

import asyncio
import base64
import datetime
import ssl
from email import message_from_bytes
from email.message import Message
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder: Any) -> ssl.SSLContext:
    """For 127.0.0.1, signed by itself; the server's context. `folder/cert.pem` is what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "postbox")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


class Postbox:
    """Keeps what it is sent. `refuses` is a verb that it answers with 5xx."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, at_once: bool = False) -> None:
        self.mails: list[Message] = []
        self.arrived = asyncio.Event()
        self.refuses = ""
        self.users: list[str] = []
        self._tls = tls
        self._at_once = at_once
        self._server: Any = None

    async def start(self) -> None:
        context = self._tls if self._at_once else None
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def mail(self) -> Message:
        """The next mail."""
        async with asyncio.timeout(30):
            await self.arrived.wait()
        self.arrived.clear()
        return self.mails[-1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 postbox\r\n")
            while line := (await reader.readline()).decode().strip():
                verb, _, rest = line.partition(" ")
                if verb.upper() == self.refuses:
                    writer.write(b"554 not here\r\n")
                elif verb.upper() == "STARTTLS":
                    writer.write(b"220 go on\r\n")
                    await writer.drain()
                    await writer.start_tls(self._tls)
                elif verb.upper() == "QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                else:
                    await self._do(verb.upper(), rest, reader, writer)
                await writer.drain()
        except (ConnectionError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _do(self, verb: str, rest: str, reader: Any, writer: Any) -> None:
        match verb:
            case "EHLO":
                more = "250-STARTTLS\r\n" if self._tls and not self._at_once else ""
                writer.write(f"250-postbox\r\n{more}250 AUTH PLAIN\r\n".encode())
            case "AUTH":
                _, user, _ = base64.b64decode(rest.split()[1]).decode().split("\0")
                self.users.append(user)
                writer.write(b"235 welcome\r\n")
            case "DATA":
                writer.write(b"354 go on\r\n")
                await writer.drain()
                text = (await reader.readuntil(b"\r\n.\r\n"))[:-3]
                self.mails.append(message_from_bytes(text))
                self.arrived.set()
                writer.write(b"250 taken\r\n")
            case _:
                writer.write(b"250 fine\r\n")
