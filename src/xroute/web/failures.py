"""A CallError as an HTTP answer."""

import logging
import math
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from xroute.dialects.openai.surface import refuse as openai_refusal
from xroute.errors import CallError, Conflict, InvalidRequest, Unavailable
from xroute.gateway.reply import Headers, Reply
from xroute.store.db import why

log = logging.getLogger("xroute.web")

AGAIN_S = 5.0
AWAY = (InterfaceError, OperationalError, PoolTimeout, ConnectionError)
NO_CHARACTER = "22021"  # character_not_in_repertoire: PostgreSQL takes no NUL in a text


async def refuse(
    reply: Reply, error: CallError, refusal: Callable[[CallError, str], bytes] = openai_refusal
) -> None:
    """Answers with the error's status, the body that `refusal` writes, and Retry-After where there is one."""
    headers = [f"x-request-id: {reply.request_id}", *headers_of(error)]
    await reply.answer(error.status, headers, refusal(error, reply.request_id))


def headers_of(error: CallError) -> Headers:
    """What goes with an error besides its body and the request's id."""
    headers = list(error.headers)
    if error.retry_after_s is not None:
        headers.append(f"retry-after: {math.ceil(error.retry_after_s)}")
    if error.status == 401:
        headers.append("www-authenticate: Bearer")
    metadata = error.metadata or {}
    if "allowed" in metadata:
        headers.append(f"allow: {', '.join(metadata['allowed'])}")
    previous = metadata.get("previous_errors")
    if previous is not None:
        headers.append(f"x-xroute-attempts: {len(previous)}")
    return headers


def of_database(error: Exception) -> CallError | None:
    """503 where the database cannot be used now, 400 or 409 for what it does not take; None for all else."""
    if isinstance(error, IntegrityError):  # of two requests at once the other was first
        return Conflict(
            "Something like it is there already, or has just come. Look again.", code="not_unique"
        )
    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == NO_CHARACTER:
        return InvalidRequest("There is a character in it that cannot be kept.", code="invalid_value")
    if not isinstance(error, AWAY):
        return None
    log.warning("the database is away: %s", why(error))
    return Unavailable(
        "The database cannot be reached now. Try again soon.",
        code="database_unavailable",
        retry_after_s=AGAIN_S,
    )
