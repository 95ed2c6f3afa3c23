"""How lively each zone is: pick-ups, put-backs and arrivals per zone and quarter hour, as sums."""

from typing import Final

from contract.messages import TagArrived, TagMoved, TagPickedUp, TagPutBack

PICKED_UP: Final = 0
PUT_BACK: Final = 1
ARRIVED: Final = 2

COLUMN: Final[dict[type, int]] = {
    TagPickedUp: PICKED_UP,
    TagPutBack: PUT_BACK,
    TagArrived: ARRIVED,
    TagMoved: ARRIVED,
}
"""Which of the sums (picked_up, put_back, arrived) an event adds one to."""
