"""A request to Anthropic while it is written."""

from dataclasses import dataclass, field

from xroute.dialects.claude import Family
from xroute.dialects.openai.codec import Json


@dataclass(slots=True)
class Draft:
    """What is sent so far, and what the client asked for that is not."""

    body: Json  # the client's, canonical; never changed
    family: Family  # of the model
    abilities: frozenset[str] | None = None  # of the deployment; None = not known
    sent: Json = field(default_factory=dict[str, object])
    dropped: list[str] = field(default_factory=list[str])
    betas: list[str] = field(default_factory=list[str])

    def drop(self, name: str) -> None:
        """Tell the client that this field of its request is not sent as it is."""
        if name not in self.dropped:
            self.dropped.append(name)

    def want(self, beta: str) -> None:
        """Ask for a beta that the request needs."""
        if beta and beta not in self.betas:
            self.betas.append(beta)
