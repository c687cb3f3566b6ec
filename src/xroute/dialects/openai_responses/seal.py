"""What only xroute can read back, carried through a client in `encrypted_content`.

Clients of the Responses API send reasoning and compaction items back unchanged, so what stands in
`encrypted_content` comes back with the next turn. Another maker's reasoning (signed thinking, thought
signatures), its own blocks and a conversation's summary are put there, behind a prefix that no provider's
content has, and are taken out again by `parse`.
"""

from base64 import b64decode, b64encode
from typing import Any

import orjson

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

PREFIX = "xr1:"


def seal(content: Json) -> str:
    """The text for `encrypted_content`."""
    try:
        raw = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        raw = codec.write(content)  # half an emoji in a text
    return PREFIX + b64encode(raw).decode()


def unseal(value: Any) -> Json | None:
    """What was sealed; None for a text that is not ours, an empty object for one that was damaged."""
    if not isinstance(value, str) or not value.startswith(PREFIX):
        return None
    try:
        found: Any = codec.read(b64decode(value.removeprefix(PREFIX), validate=True))
    except ValueError:
        return {}
    return found if codec.is_object(found) else {}


def objects(value: Any) -> list[Json]:
    """The objects in a list; none where it is no list."""
    return [entry for entry in value if codec.is_object(entry)] if codec.is_list(value) else []
