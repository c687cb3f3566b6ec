"""Every error of the tree as an HTTP answer."""

import pytest
from tests.unit.web.dialogue import Answer

from xroute import errors
from xroute.web.asgi import AsgiReply, Plain
from xroute.web.failures import refuse


def kinds(root=errors.CallError):
    return [root, *(kind for child in root.__subclasses__() for kind in kinds(child))]


async def told(error) -> Answer:
    answer = Answer()

    async def send(message):
        answer.messages.append(message)

    await refuse(AsgiReply(Plain({"headers": []}, None, send)), error)
    return answer


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
async def test_every_error_has_one_form(kind):
    answer = await told(kind())
    assert answer.status == kind.status
    assert answer.error == {
        "message": kind.__doc__,
        "type": kind.kind,
        "code": kind.error_type,
        "param": None,
        "metadata": {"error_type": kind.error_type, "request_id": answer.headers["x-request-id"]},
    }
    assert ("www-authenticate" in answer.headers) == (kind.status == 401)
    assert "retry-after" not in answer.headers


async def test_a_method_that_is_wrong_is_answered_with_those_that_are_right():
    error = errors.MethodNotAllowed("no", metadata={"allowed": ["GET", "HEAD"]})
    assert (await told(error)).headers["allow"] == "GET, HEAD"


async def test_attempts_before_a_failure_are_counted():
    error = errors.ProviderUnavailable("no", metadata={"previous_errors": [{}, {}, {}]})
    assert (await told(error)).headers["x-xroute-attempts"] == "3"
