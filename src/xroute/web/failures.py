"""A CallError as an HTTP answer."""

import math

import orjson

from xroute.errors import CallError
from xroute.gateway.relay import body_of
from xroute.gateway.reply import Reply


async def refuse(reply: Reply, error: CallError) -> None:
    """Answers with the error's status, its `error` object, and Retry-After where there is one."""
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
    await reply.answer(error.status, headers, orjson.dumps({"error": body_of(error, reply.request_id)}))
