"""Recorded exchanges, read from `.jsonl` and `.jsonl.xz` files."""

import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHARED = Path(__file__).parents[3] / "shared" / "wire" / "dev"


@dataclass(frozen=True, slots=True)
class Recording:
    """One exchange: what the provider answered, and where it is written."""

    file: Path
    line: int
    data: dict[str, Any]

    @property
    def where(self) -> str:
        return f"{self.file.name}:{self.line}"

    @property
    def endpoint(self) -> str:
        return self.data.get("endpoint") or ""

    @property
    def status(self) -> int:
        return self.data.get("status") or 200

    @property
    def streaming(self) -> bool:
        return bool(self.data.get("streaming"))

    @property
    def notes(self) -> list[str]:
        return self.data.get("response_notes") or []

    @property
    def headers(self) -> dict[str, str]:
        return {name.lower(): str(value) for name, value in (self.data.get("response_headers") or {}).items()}

    @property
    def text(self) -> str:
        return self.data.get("response_body") or ""

    @property
    def body(self) -> bytes:
        return self.text.encode("utf-8", "surrogatepass")


def files() -> list[Path]:
    """The shared recordings; none where they are not at hand."""
    return sorted(SHARED.glob("*.jsonl.xz"))


def read(path: Path) -> Iterator[Recording]:
    """The recordings of one file, in order."""
    with (lzma.open if path.suffix == ".xz" else open)(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield Recording(path, number, json.loads(line))
