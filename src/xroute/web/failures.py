"""A CallError as an HTTP answer."""

import math
from collections.abc import Callable

from xroute.dialects.openai.surface import refuse as openai_refusal
from xroute.errors import CallError
from xroute.gateway.reply import Reply


async def refuse(
    reply: Reply, error: CallError, refusal: Callable[[CallError, str], bytes] = openai_refusal
) -> None:
    """Answers with the error's status, the body that `refusal` writes, and Retry-After where there is one."""
    headers = [("x-request-id", reply.request_id)]
    if error.retry_after_s is not None:
        headers.append(("retry-after", str(math.ceil(error.retry_after_s))))
    if error.status == 401:
        headers.append(("www-authenticate", "Bearer"))
    metadata = error.metadata or {}
    if "allowed" in metadata:
        headers.append(("allow", ", ".join(metadata["allowed"])))
    previous = metadata.get("previous_errors")
    if previous is not None:
        headers.append(("x-xroute-attempts", str(len(previous))))
    await reply.answer(error.status, headers, refusal(error, reply.request_id))
