"""Orders go from state to state; which step is allowed from where is one table.

::

    proposed → approved → sent → in_transit → received
        └→ refused   └──────────→ (an order may skip ``sent``)
    proposed, approved, sent → cancelled
"""

from typing import Any, Final

from hub.ledger import reads
from hub.ledger.writer import Transaction
from hub.model import OrderChanged, OrderState
from hub.services.sell import ConflictError

STEPS: Final[dict[str, tuple[OrderState, ...]]] = {
    "proposed": ("approved", "refused", "cancelled"),
    "approved": ("sent", "in_transit", "cancelled"),
    "sent": ("in_transit", "cancelled"),
    "in_transit": ("received",),
    "received": (),
    "refused": (),
    "cancelled": (),
}


def change_order(transaction: Transaction, order_id: str, state: OrderState, *, by: str, now: int) -> Any:
    """Take an order to its next state and return its row; asking for the state it has changes nothing.

    Raises:
        NotFoundError: there is no such order.
        ConflictError: the step is not allowed from its present state.
    """
    row = reads.order(transaction.connection, order_id)
    if row.state == state:
        return row
    allowed = STEPS[row.state]
    if state not in allowed:
        expected = f"from there it can become {', '.join(allowed)}" if allowed else "that is its end"
        raise ConflictError(f"order {order_id!r} is {row.state} and cannot become {state}: {expected}")
    transaction.append_own(row.store, [OrderChanged(at=now, order_id=order_id, state=state, by=by)], now)
    return reads.order(transaction.connection, order_id)
