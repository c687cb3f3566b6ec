"""The ways of a call through xroute that are no plain pass-through: other clients, other deployments."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.load import Ask

KEY = "sk-bench"
MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-flash"}
KINDS = ("whole", "coalesced", "paced")
PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages"}


@dataclass(frozen=True, slots=True)
class Way:
    """A client's format and a deployment's dialect."""

    surface: str
    dialect: str
    note: str = ""

    @property
    def name(self) -> str:
        """As the report has it."""
        return f"{self.surface} to {self.dialect}"

    def ask(self, port: int, kind: str) -> Ask:
        """The request for an answer of this kind, with the same words as the pass-through."""
        body: dict[str, Any] = {
            "model": f"{provider(self.dialect, kind)}/{MODELS[self.dialect]}",
            "messages": [{"role": "user", "content": "Hello"}],
            **({"max_tokens": 1024} if self.surface == "messages" else {}),
            **({} if kind == "whole" else {"stream": True}),
        }
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        return Ask(port, PATHS[self.surface], headers, json.dumps(body).encode())


WAYS = (
    Way("chat", "anthropic"),
    Way("chat", "gemini"),
    Way("messages", "openai"),
    Way("messages", "anthropic", "the client's own bytes pass"),
)


def provider(dialect: str, kind: str) -> str:
    """The name of the provider, and of the upstream, that answers so."""
    return kind if dialect == "openai" else f"{dialect}-{kind}"


def providers(bases: Mapping[str, str]) -> str:
    """The providers and the prices of xroute.yaml: one of each dialect for each kind of answer."""
    named = {provider(dialect, kind): dialect for dialect in MODELS for kind in KINDS}
    sections = "\n".join(
        f"  {name}: {{dialect: {dialect}, api_key: sk-upstream, base_url: {json.dumps(bases[name])},"
        f" models: [{{id: {MODELS[dialect]}, context: 128000}}]}}"
        for name, dialect in named.items()
    )
    prices = "\n".join(
        f"  {name}/{MODELS[dialect]}: {{input: 0.15, output: 0.6}}" for name, dialect in named.items()
    )
    return f"providers:\n{sections}\nprices:\n{prices}\n"
