"""How a recording fared."""


class Failed(Exception):
    """xroute gives something else than the provider said."""


class Skipped(Exception):
    """The recording cannot be judged; the text says why."""


def expect(holds: object, reason: str) -> None:
    """Raises Failed with the reason where something does not hold."""
    if not holds:
        raise Failed(reason)
