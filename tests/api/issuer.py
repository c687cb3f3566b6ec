"""A small issuer of OpenID Connect on a port of its own, which checks what a real one checks."""

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "xroute-here", "the client's secret"


class Issuer:
    """`says` is merged into the claims of the next tokens; what a test changes here, the issuer does."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "k1"})
        self.signs_with: Any = self.key
        self.algorithm = "RS256"
        self.claims: dict[str, Any] = {"email": "ana@example.com", "email_verified": True, "name": "Ana"}
        self.says: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.github_mails: list[dict[str, Any]] = []
        self.answers: dict[str, tuple[int, bytes]] = {}  # path -> what it answers instead
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._server: Any = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    def authorize(self, location: str) -> tuple[str, str]:
        """What somebody who signs in here is sent back with: (code, state)."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
        code = secrets.token_hex(8)
        self._codes[code] = asked
        return code, asked["state"]

    # HTTP, as little as there is to it.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                start, *lines = head.decode().strip().split("\r\n")
                method, target, _ = start.split(" ")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.asked.append(f"{method} {target}")
                status, sent = self.answers.get(target) or self._answer(
                    method, target, headers, body.decode()
                )
                extra = b"location: http://evil.example/\r\n" if status in (301, 302) else b""
                writer.write(
                    b"HTTP/1.1 %d X\r\n%bcontent-length: %d\r\n\r\n" % (status, extra, len(sent)) + sent
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, target: str, headers: dict[str, str], body: str) -> tuple[int, bytes]:
        match method, target:
            case "GET", "/.well-known/openid-configuration":
                return 200, orjson.dumps(self._metadata())
            case "GET", "/keys":
                return 200, orjson.dumps({"keys": [self.key.as_dict(private=False)]})
            case "POST", "/token" | "/login/oauth/access_token":
                return self._token(headers, {name: values[0] for name, values in parse_qs(body).items()})
            case "GET", "/userinfo":
                return 200, orjson.dumps(self.userinfo)
            case "GET", "/api/v3/user":
                assert headers["authorization"].startswith("Bearer at-")
                return 200, orjson.dumps({"id": 583231, "login": "octocat", "name": None})
            case "GET", "/api/v3/user/emails":
                return 200, orjson.dumps(self.github_mails)
        return 404, b"{}"

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        } | self.metadata

    def _token(self, headers: dict[str, str], form: dict[str, str]) -> tuple[int, bytes]:
        asked = self._codes.pop(form.get("code", ""), None)
        if not self._is_client(headers, form):
            return 401, b'{"error": "invalid_client"}'
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if (
            asked is None
            or challenge != asked["code_challenge"]
            or form["redirect_uri"] != asked["redirect_uri"]
        ):
            return 400, b'{"error": "invalid_grant"}'
        access = f"at-{secrets.token_hex(8)}"
        return 200, orjson.dumps({"access_token": access, "id_token": self._id_token(asked, access)})

    def _is_client(self, headers: dict[str, str], form: dict[str, str]) -> bool:
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        posted = (form.get("client_id"), form.get("client_secret"))
        return headers.get("authorization") == f"Basic {basic}" or posted == (CLIENT, SECRET)

    def _id_token(self, asked: dict[str, str], access: str) -> str:
        now = int(time.time())
        own = {"iss": self.url, "sub": "u-1", "aud": CLIENT, "iat": now, "exp": now + 300}
        claims = own | {"nonce": asked.get("nonce")} | self.claims | self.says
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        if self.algorithm == "RS256":
            return jwt.encode(header, claims, self.signs_with)
        # What no library makes for anybody: unsigned, or under the public key as if it were a secret.
        signed = b".".join(_text(orjson.dumps(part)) for part in (header, claims))
        mark = hmac.digest(self.key.as_pem(private=False), signed, "sha256")
        return (signed + b"." + (_text(mark) if self.algorithm == "HS256" else b"")).decode()


def _text(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
