"""The whole gateway on a real port, as `xroute serve` runs it, with a client in front of it."""

import asyncio
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
from tests.gateway.replies import Reply, read
from tests.gateway.wires import CHAT, KEY, SOON_S, Wire, dial

from xroute.config.load import load
from xroute.gateway.compose import compose
from xroute.gateway.pulse import pulse
from xroute.sim.plan import Profile
from xroute.sim.transport import SimTransport
from xroute.upstream.client import HttpTransport
from xroute.web.app import App, create_app
from xroute.web.server import Server
from xroute.web.start import open_parts

CREDENTIAL = "sk-upstream-1"


def provider(url: str, *models: tuple[str, str] | dict[str, Any], **more: Any) -> dict[str, Any]:
    """A provider section; a model is (the provider's name, the model served), or a mapping as it stands."""
    entries = [{"id": each[0], "serves": each[1]} if isinstance(each, tuple) else each for each in models]
    return {"base_url": url, "api_key": CREDENTIAL, "models": entries} | more


class Clock:
    """The gateway's time: monotonic seconds, `ahead_s` of this machine's."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


class Stage:
    """A running gateway. Ask it with `chat`, or as its user would with `client`; set its `clock` forward."""

    def __init__(self, app: App, port: int, client: httpx2.AsyncClient, clock: Clock) -> None:
        self.app = app
        self.port = port
        self.client = client
        self.clock = clock
        self.wires: list[Wire] = []

    async def chat(self, model: str = "m", text: str = "Hi", *, stream: bool = False, **more: Any) -> Reply:
        """One chat completion; further fields of the body as they are."""
        body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream} | more
        return await self.post(orjson.dumps(body))

    async def post(self, body: bytes, path: str = CHAT, **headers: str) -> Reply:
        return await self.ask("POST", path, content=body, headers=headers)

    async def get(self, path: str) -> Reply:
        return await self.ask("GET", path)

    async def ask(self, method: str, path: str, **more: Any) -> Reply:
        answer = await self.client.request(method, path, **more)
        return read(answer.status_code, dict(answer.headers), answer.content)

    async def dial(self) -> Wire:
        """A bare connection to the gateway, closed at the end if it is not before."""
        wire = await dial(self.port)
        self.wires.append(wire)
        return wire

    async def health(self) -> dict[str, dict[str, Any]]:
        """What the health route shows, by deployment."""
        shown = (await self.get("/api/v1/health/deployments")).body["data"]
        return {each["id"]: each for each in shown}

    async def relaying(self) -> None:
        """Until content is on its way to a client: from then on nobody else can make the stream good."""
        async with asyncio.timeout(SOON_S):
            while all(run.ttft_s is None for run in self.app.gateway.streams):
                await asyncio.sleep(0.002)

    async def metric(self, name: str, **labels: str) -> float:
        """One sample of /metrics; 0 where it is not there."""
        text = (await self.client.get("/metrics")).text
        for line in text.splitlines():
            head, _, value = line.rpartition(" ")
            if head.partition("{")[0] == name and all(f'{k}="{v}"' in head for k, v in labels.items()):
                return float(value)
        return 0.0


@asynccontextmanager
async def running(
    folder: Path, settings: dict[str, Any], sim: Profile | None = None, *, stores: bool = False
):
    """A gateway with these settings; one that `stores` has a database, and what else outlives a call."""
    file = folder / "xroute.yaml"
    file.write_bytes(orjson.dumps({"keys": [{"name": "test", "key": KEY}]} | settings))
    loaded = load(file, {"HOME": str(folder)})
    http = HttpTransport()
    transports = {"http": http, "https": http, "sim": SimTransport(sim)}
    scene = compose(loaded)
    parts = await open_parts(loaded, scene, transports) if stores else None
    clock = Clock()
    app = create_app(scene, transports, parts.pepper if parts else b"pepper", parts, clock)
    if parts:
        parts.begin(90)
    server = Server(app, "127.0.0.1", 0)
    serving = asyncio.create_task(server.serve())
    beating = asyncio.create_task(pulse(app.gateway, loaded.settings.keepalive_comment_s, time.monotonic))
    limits = httpx2.Limits(max_connections=None)
    try:
        port = await listening(server)
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"authorization": f"Bearer {KEY}", "content-type": "application/json"},
            timeout=SOON_S,
            limits=limits,
            trust_env=False,
        ) as client:
            stage = Stage(app, port, client, clock)
            try:
                yield stage
            finally:
                for wire in stage.wires:
                    await wire.close()
    finally:
        beating.cancel()
        server.stop()
        await serving
        await app.responses.close()
        if parts:
            await parts.close()
        await http.close()


async def listening(server: Server) -> int:
    """Its port, once it listens."""
    async with asyncio.timeout(SOON_S):
        while not server.sockets:
            await asyncio.sleep(0.002)
    return server.port
