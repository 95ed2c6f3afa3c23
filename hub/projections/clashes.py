"""EPCs that two streams see on a shelf at once: two tags with one number, or a copied one.

An agent moves a tag between its own zones itself. So when one agent's stream has a tag in a zone and another
stream has it arrive elsewhere before the first has let it go, both have it at once.
"""

from collections.abc import Iterable
from typing import NamedTuple

from contract.messages import AnyObservation, TagArrived, TagMoved, TagPickedUp, TagPutBack


class Sighting(NamedTuple):
    """Where one stream has a tag."""

    store: str
    stream: str
    device: str
    zone: str
    at_ms: int


def clashes(told: Iterable[tuple[str, str, AnyObservation]]) -> dict[str, list[Sighting]]:
    """Return EPC → where several streams have it at the end of (store, stream, event) in commit order."""
    present: dict[str, dict[tuple[str, str], Sighting]] = {}
    for store, stream, event in told:
        if isinstance(event, TagPickedUp):
            present.get(event.epc, {}).pop((store, stream), None)
        elif isinstance(event, TagArrived | TagMoved | TagPutBack):
            sighting = Sighting(store, stream, event.device, event.zone, event.at)
            present.setdefault(event.epc, {})[store, stream] = sighting
    return {
        epc: sorted(where.values())
        for epc, where in sorted(present.items())
        if len({(one.store, one.zone) for one in where.values()}) > 1
    }
