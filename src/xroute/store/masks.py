"""What people are shown of a credential, so that they know it when they see it."""

import re

from xroute.config.secret import MASK, Secret

LONG = 24  # characters; of a shorter one less is shown
SHORT = 12  # and of one below this nothing
ENDS = 4  # characters shown of each end

_MASKED = re.compile(r"[*•●·xX]{3,}|…|\.{3}")


def shown(secret: Secret) -> str:
    """`sk-a...wxyz` of a long one, `***wxyz` of another, `***` of a short one."""
    text = secret.reveal()
    if text.startswith("{") or len(text) < SHORT:
        return MASK
    return f"{text[:ENDS]}...{text[-ENDS:]}" if len(text) >= LONG else f"{MASK}{text[-ENDS:]}"


def is_masked(secret: Secret) -> bool:
    """Whether this is what some mask has left of a credential, and not one."""
    text = secret.reveal()
    found = _MASKED.search(text)
    return found is not None and len(text) - (found.end() - found.start()) <= 2 * ENDS
