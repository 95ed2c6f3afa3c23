"""How lively each zone is: pick-ups, put-backs and arrivals per zone and quarter hour, as sums."""

from contract.messages import TagArrived, TagMoved, TagPickedUp, TagPutBack


def effect(event: TagArrived | TagMoved | TagPickedUp | TagPutBack) -> tuple[int, int, int]:
    """Return what one event adds to its zone: (picked_up, put_back, arrived)."""
    kind = type(event)
    if kind is TagPickedUp:
        return 1, 0, 0
    if kind is TagPutBack:
        return 0, 1, 0
    return 0, 0, 1
