"""Addresses as they may be shown: in a log or an error, never with a user, password or token in them.

Everything before the last ``@`` is taken for credentials, also where they hold characters that a URL
does not allow, and so is a query (``?password=…``). Where the two cannot be told apart, only the scheme
is shown.
"""

from typing import Final

HIDDEN: Final = "***"


def redact(address: str) -> str:
    """Return an address without credentials and without its query."""
    scheme, mark, rest = address.rpartition("://") if address.count("://") == 1 else ("", "", address)
    secret, at, place = rest.rpartition("@")
    if "?" in secret or "://" in rest:
        return f"{scheme}{mark}{HIDDEN}"
    place, question, _ = place.partition("?")
    return f"{scheme}{mark}{HIDDEN + at if at else ''}{place}{question + HIDDEN if question else ''}"
