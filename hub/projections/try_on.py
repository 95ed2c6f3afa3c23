"""Try-ons: which there were, and what became of what was tried on.

**With fitting rooms** an edge tells each try-on: when a tag came into a room, and when it had left. Its outcome
is ``sold`` when a sale took the item, by its EPC or as the likeliest of its SKU (:mod:`hub.projections.labels`);
``returned`` when it was put down and lay there for a minute (but what is sold while it lies there lies at the
till); ``unknown`` when neither happened within half an hour after it had left the room; ``open`` until one of
these is certain. To leave through a gate for goods is neither. Whichever came first counts. What happens after the same item is tried on again belongs to
that try-on.

**Without one**, hands are judged: a put-back 8 to 300 s after the pick-up is a try-on that ended ``returned``;
shorter is a ``touch``, longer is none (the item was carried about or the tag was shaded). An item picked up
and then sold is a try-on that ended ``sold``.

An outcome is a pure function of sets of facts and of the present time; so order, repeats and cuts do not show,
and a sale that is told late still counts by when it was.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from contract.messages import TryOnEnded, TryOnStarted

SHORTEST_S: Final = 8
LONGEST_S: Final = 300

WINDOW_MS: Final = 30 * 60_000
"""So long after an item left the room its outcome is waited for."""

RESTS_MS: Final = 60_000
"""What lies this long after it was put down was returned; what lies less long was put aside."""

LONGEST_TRIAL_MS: Final = 3_600_000
"""A try-on whose end was lost on the way is over by then."""

GOES_ON_MS: Final = -1
"""``ended_ms`` of a try-on of which no end is known."""
WORN_NOT_KNOWN: Final = -1
_FOR_EVER_MS: Final = 2**62

Hands = Literal["touch", "returned", "too_long"]
Outcome = Literal["sold", "returned", "unknown", "open"]


def outcome_of(picked_ms: int, put_back_ms: int) -> Hands:
    """Classify a put-back by its dwell; a put-back before its pick-up (clocks) is a touch."""
    dwell_ms = put_back_ms - picked_ms
    if dwell_ms < SHORTEST_S * 1000:
        return "touch"
    if dwell_ms <= LONGEST_S * 1000:
        return "returned"
    return "too_long"


class TrialKey(NamedTuple):
    """Names a try-on within a store; start and end of one have the same."""

    epc: str
    started_ms: int
    session: str
    room: str


class TrialState(NamedTuple):
    """What is known of a try-on beside its name; each field grows only. Field order is that of the table."""

    ended_ms: int = GOES_ON_MS
    worn: int = WORN_NOT_KNOWN
    probability: float = 0.0


def key_of(event: TryOnStarted | TryOnEnded) -> TrialKey:
    """Return which try-on an observation is about."""
    started_ms = event.at if isinstance(event, TryOnStarted) else event.started_at
    return TrialKey(event.epc, started_ms, event.session, event.room)


def state_of(event: TryOnStarted | TryOnEnded) -> TrialState:
    """Return what an observation alone says."""
    if isinstance(event, TryOnStarted):
        return TrialState(probability=event.probability)
    return TrialState(event.at, WORN_NOT_KNOWN if event.worn is None else int(event.worn))


def merge(one: TrialState | None, other: TrialState) -> TrialState:
    """Join two states of one try-on; commutative, associative, idempotent."""
    if one is None:
        return other
    return TrialState(
        max(one.ended_ms, other.ended_ms), max(one.worn, other.worn), max(one.probability, other.probability)
    )


class Trial(NamedTuple):
    """A try-on in a fitting room.

    Attributes:
        ended_ms: when the room last heard it, None while that is not known.
    """

    key: TrialKey
    ended_ms: int | None

    @property
    def over_ms(self) -> int:
        """When it is over at the latest."""
        return self.key.started_ms + LONGEST_TRIAL_MS if self.ended_ms is None else self.ended_ms


class Traces(NamedTuple):
    """What else is known of an item; times in ms, in any order.

    Attributes:
        put_down: it arrived in a zone, was put back or moved.
        picked_up: it was picked up, or left through a gate.
        sold: a sale took it.
    """

    put_down: Collection[int] = ()
    picked_up: Collection[int] = ()
    sold: Collection[int] = ()


def in_hand_since(picked_ms: int, last: Trial | None) -> int:
    """Return since when a picked-up item can be at the till: not before it has left the fitting room."""
    return picked_ms if last is None else max(picked_ms, last.over_ms)


def outcomes(trials: Iterable[Trial], traces: Mapping[str, Traces], now: int) -> dict[TrialKey, Outcome]:
    """Return what became of each try-on.

    Args:
        trials: of the items concerned, all that could bound one another.
        traces: EPC → what else is known.
        now: ms.
    """
    of_item: defaultdict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        of_item[trial.key.epc].append(trial)
    found: dict[TrialKey, Outcome] = {}
    for epc, own in of_item.items():
        own.sort(key=lambda trial: trial.key)
        rests = _rests(traces.get(epc, Traces()), now)
        sold = sorted(traces[epc].sold) if epc in traces else []
        for index, trial in enumerate(own):
            later = own[index + 1].key.started_ms if index + 1 < len(own) else None
            found[trial.key] = _outcome(trial, later, rests, sold, now)
    return found


class _Rest(NamedTuple):
    at: int
    until: int


def _rests(traces: Traces, now: int) -> list[_Rest]:
    """Return where an item lay for long enough: from each time it was put down until it was next lifted."""
    steps = sorted({*traces.put_down, *traces.picked_up})
    rests = []
    for at in sorted(set(traces.put_down)):
        after = bisect_right(steps, at)
        until = steps[after] if after < len(steps) else _FOR_EVER_MS
        if min(until, now) - at >= RESTS_MS:
            rests.append(_Rest(at, until))
    return rests


def _outcome(
    trial: Trial, later_ms: int | None, rests: Sequence[_Rest], sold: Sequence[int], now: int
) -> Outcome:
    started_ms = trial.key.started_ms
    deadline = trial.over_ms + WINDOW_MS
    if later_ms is not None:
        deadline = min(deadline, later_ms)
    went = [at for at in sold if started_ms <= at < deadline]
    lay = [
        rest.at
        for rest in rests
        if started_ms < rest.at < deadline
        and rest.until > (trial.ended_ms or 0)
        and not any(rest.at <= at <= rest.until for at in went)
    ]
    if went and (not lay or went[0] <= lay[0]):
        return "sold"
    if lay:
        return "returned"
    return "open" if now < deadline else "unknown"
