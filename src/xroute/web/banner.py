"""What a person reads when the gateway starts."""

from xroute import __version__
from xroute.errors import NotFound
from xroute.gateway.compose import SIM, Scene
from xroute.gateway.fleet import Fleet
from xroute.gateway.hosts import Host

PLACEHOLDER = "$XROUTE_API_KEY"
FIRST = "openai/gpt-5"  # shown where it can be called


def banner(scene: Scene, created: str | None, link: str | None = None) -> str:
    """URL, key, providers and how they were found, and a curl line to paste; `link` signs the owner in."""
    settings = scene.fleet.settings
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{settings.port}"
    lines = [f"xroute {__version__}   {url}/v1", ""]
    if created:
        lines += [f"  key        {created}", "             shown this once, kept as a hash: store it now", ""]
    else:
        lines += [f"  keys       {_keys(scene)}; another one: xroute serve --new-key", ""]
    if link:
        lines += [f"  sign in    {link}", "             once, as the owner of this installation", ""]
    lines += _providers(scene)
    lines += ["", "  try it:", *_curl(url, created or PLACEHOLDER, _model(scene)), ""]
    return "\n".join(lines)


def _model(scene: Scene) -> str:
    """A model that answers here, for the line to paste."""
    fleet = scene.fleet
    served = [model for model in fleet.served() if not model.retired]
    if not served or any(model.id == FIRST for model in served):
        return FIRST.partition("/")[2]
    return next((name for name in fleet.settings.models if _is_served(fleet, name)), served[0].id)


def _is_served(fleet: Fleet, name: str) -> bool:
    try:
        fleet.lineup(name)
    except NotFound:
        return False
    return True


def _keys(scene: Scene) -> str:
    named = ", ".join(key.name for key in scene.fleet.settings.keys[:5])
    return f"those of the config ({named}) and those made before" if named else "those made before"


def _providers(scene: Scene) -> list[str]:
    hosts = [host for host in scene.fleet.hosts.values() if host.provider.id != SIM.id or not scene.simulated]
    lines = [_host(host) for host in hosts]
    if scene.simulated:
        lines += [
            "none can be used, so the built-in SIMULATOR answers every model. Its answers are made up.",
            "Set a provider's key, such as OPENAI_API_KEY, and start again.",
        ]
        if scene.fleet.settings.discover:
            lines.append("A model server on this machine (Ollama, vLLM, llama.cpp) is found by itself.")
    return [("  providers  " if place == 0 else "             ") + line for place, line in enumerate(lines)]


def _host(host: Host) -> str:
    provider = host.provider
    if host.problem:
        return f"{provider.id:<14} found ({host.origin}) but not used: {host.problem}"
    count = f", {len(host.keys)} credentials" if len(host.keys) > 1 else ""
    where = "the built-in simulator" if provider.id == SIM.id else provider.base_url
    return f"{provider.id:<14} {where}  ({host.origin}{count})"


def _curl(url: str, key: str, model: str) -> list[str]:
    return [
        f"    curl {url}/v1/chat/completions \\",
        f'      -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\',
        f"""      -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'""",
    ]
