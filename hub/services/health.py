"""May the hub be trusted right now? Alive is not ready: ready means it can keep its promises."""

import msgspec


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """State of the hub's parts.

    Attributes:
        writable: the last write to the database, an idle hub's probe included, succeeded.
        broker_connected: the source has its broker and consumer.
        lag_s: age of the oldest message that is not committed, as far as the broker tells.
        backlog: messages at the broker and in the source that no batch has taken yet.
        max_lag_s: limit for ``lag_s``.
        detail: what the database or broker said, when it fails.
    """

    writable: bool
    broker_connected: bool
    lag_s: float
    max_lag_s: float
    backlog: int = 0
    detail: str = ""

    def reasons(self) -> list[str]:
        """Return why the hub is not ready; empty when it is."""
        reasons = []
        if not self.writable:
            reasons.append(
                f"the database cannot be written: {self.detail}"
                if self.detail
                else "the database cannot be written"
            )
        if not self.broker_connected:
            reasons.append("the broker is not connected")
        if self.lag_s > self.max_lag_s:
            reasons.append(
                f"messages wait {self.lag_s:.1f} s for their commit, the limit is {self.max_lag_s:.1f} s"
            )
        return reasons
