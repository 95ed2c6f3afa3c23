"""The one exception tree of Shelfwise.

::

    ShelfwiseError
    ├── ConfigError      a setting is missing, unknown or of the wrong type; names file and key
    ├── FrameError       bytes or payload that a device protocol does not allow; names the reason
    ├── LinkError        a line or broker cannot be opened or went away; trying again makes sense
    ├── MessageError     a message that breaks the contract between edge and hub
    ├── LedgerError      the ledger cannot be read or written as asked
    │   └── NotFoundError    the store, SKU, order or item that was named does not exist
    ├── PlanningError    a planning rule was given figures it cannot use
    └── AuthError        who is asking may not do this

Third-party exceptions are translated where their library is imported and go no further. A message
says what was wrong and what was expected, in one sentence fit for a user.
"""


class ShelfwiseError(Exception):
    """Root of every error that Shelfwise raises on purpose."""


class ConfigError(ShelfwiseError):
    """A setting is missing, unknown or of the wrong type."""


class FrameError(ShelfwiseError):
    """Bytes or a payload that a device protocol does not allow.

    Args:
        reason: short stable word used in counters, for example ``checksum``.
        detail: sentence that names what was wrong and what was expected.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.detail = detail


class LinkError(ShelfwiseError):
    """A line or broker cannot be opened or went away; a retry is sensible."""


class MessageError(ShelfwiseError):
    """A message that breaks the contract between edge and hub.

    Args:
        reason: short stable word used in counters and dead letters, for example ``bad_json``.
        detail: sentence that names what was wrong and what was expected.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.detail = detail


class LedgerError(ShelfwiseError):
    """The ledger cannot be read or written as asked."""


class NotFoundError(LedgerError):
    """The store, SKU, order or item that was named does not exist."""


class PlanningError(ShelfwiseError):
    """A planning rule was given figures it cannot use."""


class AuthError(ShelfwiseError):
    """Who is asking may not do this."""
