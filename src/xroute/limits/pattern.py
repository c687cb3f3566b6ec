"""Names with `*` in them, which stands for anything; no other character is special."""


def is_match(pattern: str, name: str) -> bool:
    """In time that grows with the lengths alone: what a pattern looks like slows nothing down."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == name
    if not name.startswith(first):
        return False
    *inner, last = rest
    at = len(first)
    for part in inner:
        found = name.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(name) - len(last) >= at and name.endswith(last)
