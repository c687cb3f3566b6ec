"""What the routes of keys, projects and workspaces share: their parts, and how a wrong term is told."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Request

from xroute.errors import InvalidRequest
from xroute.store.terms import Wrong
from xroute.web.api.services import Services
from xroute.web.tenancy import Tenancy


def _tenancy(request: Request) -> Tenancy:
    services: Services = request.app.state.services
    return services.tenancy


TenancyOf = Annotated[Tenancy, Depends(_tenancy)]


@contextmanager
def terms_told() -> Generator[None]:
    """A term that cannot be used is the client's fault, and says which field it is."""
    try:
        yield
    except Wrong as wrong:
        text = f"`{wrong.field}` {wrong.text}."
        raise InvalidRequest(text, param=wrong.field, code="invalid_value") from None
