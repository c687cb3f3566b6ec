"""Fleets from a config text and an environment, as a start makes them."""

from pathlib import Path

import pytest

from xroute.config.load import load
from xroute.errors import ConfigError
from xroute.gateway.compose import Scene, compose

KEY = "sk-openai-0123456789"
OPENAI = f"providers: {{openai: {{api_key: {KEY}}}}}\n"


class Desk:
    """Composes in a folder of its own, so that nobody's catalog or keys are met."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "xroute.yaml"

    def scene(self, text: str | None = None, **environ: str) -> Scene:
        """What a config, and what the environment holds, come to."""
        if text is not None:
            self.file.write_text(text, "utf-8")
        return compose(load(None if text is None else self.file, {"HOME": str(self.folder)} | environ))

    def refusal(self, text: str, **environ: str) -> str:
        """The error of a config, without the folder."""
        with pytest.raises(ConfigError) as caught:
            self.scene(text, **environ)
        return str(caught.value).replace(f"{self.folder}/", "")
