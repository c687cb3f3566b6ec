"""What a person reads when the gateway starts."""

from xroute import __version__, dialects
from xroute.gateway.compose import SIM, Scene
from xroute.gateway.hosts import Host

PLACEHOLDER = "$XROUTE_API_KEY"


def banner(scene: Scene, created: str | None) -> str:
    """URL, key, providers and how they were found, and a curl line to paste."""
    settings = scene.fleet.settings
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{settings.port}"
    lines = [f"xroute {__version__}   {url}/v1", ""]
    if created:
        lines += [f"  key        {created}", "             shown this once, kept as a hash: store it now", ""]
    else:
        lines += [f"  keys       {_keys(scene)}; another one: xroute serve --new-key", ""]
    lines += _providers(scene)
    lines += ["", "  try it:", *_curl(url, created or PLACEHOLDER), ""]
    return "\n".join(lines)


def _keys(scene: Scene) -> str:
    named = ", ".join(key.name for key in scene.fleet.settings.keys[:5])
    return f"those of the config ({named}) and those made before" if named else "those made before"


def _providers(scene: Scene) -> list[str]:
    if scene.simulated:
        lines = [
            "  providers  none found, so the built-in SIMULATOR answers every model.",
            "             Its answers are made up. Set a key, such as OPENAI_API_KEY, and start again.",
        ]
        if scene.fleet.settings.discover:
            lines.append(
                "             A model server on this machine (Ollama, vLLM, llama.cpp) is found by itself."
            )
        return lines
    hosts = list(scene.fleet.hosts.values())
    return [
        ("  providers  " if place == 0 else "             ") + _host(host) for place, host in enumerate(hosts)
    ]


def _host(host: Host) -> str:
    provider = host.provider
    if dialects.get(provider.dialect) is None:
        return f"{provider.id:<14} ({host.origin}) not used: dialect `{provider.dialect}` comes later"
    count = f", {len(host.keys)} credentials" if len(host.keys) > 1 else ""
    where = "the built-in simulator" if provider.id == SIM.id else provider.base_url
    return f"{provider.id:<14} {where}  ({host.origin}{count})"


def _curl(url: str, key: str) -> list[str]:
    return [
        f"    curl {url}/v1/chat/completions \\",
        f'      -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\',
        """      -d '{"model": "gpt-5", "messages": [{"role": "user", "content": "Hello"}]}'""",
    ]
