"""One thread asks the hub, however many people look.

Once a second it reads the stock of every store somebody watches. Only when the ledger position or a
zone's state differs, or ten seconds have passed, it reads the rest. Viewers take the last snapshot under a lock and
never wait for the hub: a slow hub makes the picture old, not the page slow, and every picture carries its
age. Searches and the parts of the set-up page are watched the same way, for as long as somebody looks at them.
A part the hub has no answer to grows old by itself and leaves the rest alone.

Everything is bounded: watched stores, searches and parts expire, items are read at most four pages at a time,
and the recent activity keeps fifteen minutes. :meth:`Poller.round` does one round on the caller's thread
with the caller's clock, which is how the tests drive it.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from dashboard.client import HubClient, HubRefusedError, HubUnreachableError
from dashboard.set_up import Part, Source
from dashboard.snapshot import (
    Alert,
    Decision,
    Device,
    Heat,
    Item,
    Label,
    Order,
    Snapshot,
    Store,
    mapping,
    parse_footfall,
    parse_lines,
    parse_stores,
    part,
    records,
)

_LOG: Final = logging.getLogger(__name__)

PERIOD_S: Final = 1.0
FULL_EVERY_MS: Final = 10_000
STORES_EVERY_MS: Final = 15_000
WATCHED_FOR_MS: Final = 30_000
MAX_WATCHED: Final = 32
MAX_SEARCHES: Final = 32
PART_WATCHED_FOR_MS: Final = 10_000
PARTS_PERIOD_S: Final = 0.5
"""While somebody sets up: a tag that is laid down shall be on the screen at its next turn but one."""

MAX_PARTS: Final = 128
SLACK_MS: Final = 100
"""Rounds are not a second apart to the millisecond; what is due within this is due now."""
ITEM_PAGES: Final = 4
RECENT_MS: Final = 15 * 60_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Search:
    """Items that match a text, and how many there are in all."""

    items: tuple[Item, ...]
    total: int


@dataclass(frozen=True, slots=True)
class View:
    """What a viewer may draw.

    Attributes:
        stores: every store of the hub.
        snapshot: the last picture, None before the first one.
        version: goes up whenever the snapshot differs.
        age_s: seconds since the hub last answered, None when it never did.
        fault: why the last round failed, empty when it did not.
        unknown: the store asked for is none of the hub's.
    """

    stores: tuple[Store, ...] = ()
    snapshot: Snapshot | None = None
    version: int = 0
    age_s: float | None = None
    fault: str = ""
    unknown: bool = False


@dataclass(slots=True)
class _Feed:
    """What the poller keeps of one store."""

    snapshot: Snapshot | None = None
    version: int = 0
    answered_ms: int | None = None
    full_ms: int = -FULL_EVERY_MS
    fault: str = ""
    watched_ms: int = 0
    activity: deque[tuple[int, Mapping[str, int]]] = field(default_factory=deque)


@dataclass(slots=True)
class _Query:
    """A search somebody looks at."""

    asked_ms: int
    found: Search | None = None
    position: int = -1
    read_ms: int = -FULL_EVERY_MS


@dataclass(slots=True)
class _Watched:
    """A part of the set-up page somebody looks at."""

    source: Source[Any]
    asked_ms: int
    value: Any = None
    version: int = 0
    answered_ms: int | None = None
    read_ms: int = -FULL_EVERY_MS
    fault: str = ""


class Poller:
    """Reads the hub for all viewers.

    Args:
        client: the hub; closed by :meth:`stop`.
        clock: wall clock in ms.
    """

    def __init__(
        self, client: HubClient, *, clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self.client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._stores: tuple[Store, ...] = ()
        self._stores_ms: int | None = None
        self._fault = ""
        self._feeds: dict[str, _Feed] = {}
        self._queries: dict[tuple[str, str], _Query] = {}
        self._parts: dict[tuple[str, str], _Watched] = {}
        self._hurry = threading.Event()
        self._ended = threading.Event()
        self._begun = 0
        self._rounds = 0
        self._done = threading.Condition(self._lock)
        self._thread = threading.Thread(target=self._run, name="hub-poller", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the connections."""
        self._ended.set()
        self._hurry.set()
        if self._thread.is_alive():
            self._thread.join()
        self.client.close()

    def now_ms(self) -> int:
        """Return the time by the poller's clock."""
        return self._clock()

    def latest(self, store: str | None) -> View:
        """Return what is known of a store, the hub's first one for None, and keep watching it."""
        now = self._clock()
        with self._lock:
            if not self._stores:
                age = None if self._stores_ms is None else (now - self._stores_ms) / 1000
                return View(age_s=age, fault=self._fault)
            names = [one.store for one in self._stores]
            name = names[0] if store is None else store
            if name not in names:
                return View(stores=self._stores, fault=self._fault, unknown=True)
            feed = self._feeds.get(name)
            if feed is None:
                feed = self._feeds[name] = _Feed()
                self._hurry.set()
            if now - feed.watched_ms > WATCHED_FOR_MS:
                self._hurry.set()
            feed.watched_ms = now
            age = None if feed.answered_ms is None else max(0.0, (now - feed.answered_ms) / 1000)
            return View(
                stores=self._stores, snapshot=feed.snapshot, version=feed.version, age_s=age, fault=feed.fault or self._fault
            )  # fmt: skip

    def search(self, store: str, text: str) -> Search | None:
        """Return the items that match, None until the hub has said; asks on while somebody calls this."""
        now = self._clock()
        with self._lock:
            query = self._queries.get((store, text))
            if query is None:
                while len(self._queries) >= MAX_SEARCHES:
                    del self._queries[min(self._queries, key=lambda key: self._queries[key].asked_ms)]
                query = self._queries[store, text] = _Query(now)
                self._hurry.set()
            query.asked_ms = now
            return query.found

    def part(self, store: str, source: Source[T]) -> Part[T]:
        """Return the last answer to a source's question about a store; asks on while somebody calls this."""
        now = self._clock()
        with self._lock:
            watched = self._parts.get((store, source.name))
            if watched is None:
                while len(self._parts) >= MAX_PARTS:
                    del self._parts[min(self._parts, key=lambda key: self._parts[key].asked_ms)]
                watched = self._parts[store, source.name] = _Watched(source, now)
                self._hurry.set()
            watched.asked_ms = now
            age_s = None if watched.answered_ms is None else max(0.0, (now - watched.answered_ms) / 1000)
            return Part(watched.value, watched.version, age_s, watched.fault)

    def refresh(self, within_s: float) -> None:
        """Read everything anew, now, and wait for it at most so long."""
        with self._done:
            for feed in self._feeds.values():
                feed.full_ms = -FULL_EVERY_MS
            for watched in self._parts.values():
                watched.read_ms = -watched.source.period_ms
            # A round under way may have read before the change: wait for the one after it.
            wanted = self._begun + 1
            self._hurry.set()
            self._done.wait_for(lambda: self._rounds >= wanted, within_s)

    def round(self, now: int) -> None:
        """Ask the hub once for everything that is due."""
        with self._lock:
            self._begun += 1
        try:
            if self._stores_ms is None or self._fault or now - self._stores_ms >= STORES_EVERY_MS:
                stores = parse_stores(self.client.stores())
                with self._lock:
                    self._stores, self._stores_ms = stores, now
            self._note("")
        except HubUnreachableError as error:
            self._note(str(error))
        for store in self._stores:
            feed = self._feeds.get(store.store)
            if feed is not None and now - feed.watched_ms <= WATCHED_FOR_MS:
                self._follow(store, feed, now)
                if not feed.fault:
                    self._ask_parts(store.store, now)
        self._forget(now)
        with self._done:
            self._rounds += 1
            self._done.notify_all()

    def _run(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            self.round(self._clock())
            period_s = PARTS_PERIOD_S if self._parts else PERIOD_S
            self._hurry.wait(max(0.05, period_s - (time.monotonic() - began)))
            self._hurry.clear()

    def _note(self, fault: str) -> None:
        if bool(fault) != bool(self._fault):
            _LOG.warning("hub %s %s", "unreachable" if fault else "answers again", fault)
        with self._lock:
            self._fault = fault

    def _follow(self, store: Store, feed: _Feed, now: int) -> None:
        try:
            fresh = self._read(store, feed, now)
            self._ask_searches(store.store, fresh.position, now)
            fault = ""
        except HubUnreachableError as error:
            fresh, fault = None, str(error)
        with self._lock:
            if bool(fault) != bool(feed.fault):
                _LOG.warning(
                    "store=%s %s %s", store.store, "unreachable" if fault else "answers again", fault
                )
            feed.fault = fault
            if fresh is None:
                return
            feed.answered_ms = self._clock()
            if fresh != feed.snapshot:
                feed.snapshot, feed.version = fresh, feed.version + 1

    def _read(self, store: Store, feed: _Feed, now: int) -> Snapshot:
        name, before = store.store, feed.snapshot
        answer = self.client.stock(name)
        position, states = part(answer, "position"), mapping(part(answer, "zone_states"))
        due = now - feed.full_ms >= FULL_EVERY_MS
        if (
            before is not None
            and not due
            and (before.position, before.zone_states, before.store) == (position, states, store)
        ):
            return before
        heat = records(Heat, self.client.heat(name))
        recent, since = _recent(feed.activity, heat, now)
        fresh = Snapshot(
            store=store,
            position=position,
            zone_states=states,
            lines=parse_lines(answer),
            footfall=parse_footfall(self.client.footfall(name)),
            heat=heat,
            devices=records(Device, self.client.devices(name)),
            alerts=records(Alert, self.client.alerts(name)),
            orders=records(Order, self.client.orders(name)),
            decisions=records(Decision, self.client.decisions(name)),
            labels=records(Label, self.client.labels(name)),
            recent=recent,
            recent_since_ms=since,
            seen_ms=before.seen_ms if before is not None else {},
        )
        if due:
            fresh = replace(fresh, seen_ms=self._last_seen(name))
            feed.full_ms = now
        return fresh

    def _last_seen(self, store: str) -> dict[str, int]:
        seen: dict[str, int] = {}
        after: str | None = ""
        for _ in range(ITEM_PAGES):
            page = self.client.items(store, after=after or "")
            for item in records(Item, part(page, "items")):
                if item.sku is not None and item.changed_ms is not None:
                    seen[item.sku] = max(seen.get(item.sku, 0), item.changed_ms)
            after = part(page, "next_after")
            if after is None:
                break
        return seen

    def _ask_searches(self, store: str, position: int, now: int) -> None:
        with self._lock:
            open_ones = [(text, query) for (name, text), query in self._queries.items() if name == store]
        for text, query in open_ones:
            if query.position == position and now - query.read_ms < FULL_EVERY_MS:
                continue
            answer: Any = self.client.items(store, q=text, limit=50)
            found = Search(records(Item, part(answer, "items")), part(answer, "total"))
            with self._lock:
                query.found, query.position, query.read_ms = found, position, now

    def _ask_parts(self, store: str, now: int) -> None:
        with self._lock:
            due = [
                watched
                for (name, _), watched in self._parts.items()
                if name == store and now - watched.read_ms + SLACK_MS >= watched.source.period_ms
            ]
        for watched in sorted(due, key=lambda one: one.read_ms):
            with self._lock:
                # Before the question: a refresh that comes while it is asked must make it be asked again.
                watched.read_ms = now
            try:
                value, fault, silent = watched.source.read(self.client, store), "", False
            except HubRefusedError as error:
                value, fault, silent = None, str(error), False
            except HubUnreachableError as error:
                value, fault, silent = None, str(error), True
            with self._lock:
                if bool(fault) != bool(watched.fault):
                    _LOG.warning("store=%s part=%s %s", store, watched.source.name, fault or "answers again")
                watched.fault = fault
                if value is not None:
                    watched.answered_ms = self._clock()
                    if value != watched.value:
                        watched.value, watched.version = value, watched.version + 1
            if silent:
                # A hub that is silent now is not asked for the rest: the stock of the next round comes first.
                break

    def _forget(self, now: int) -> None:
        with self._lock:
            for key in [key for key, one in self._queries.items() if now - one.asked_ms > WATCHED_FOR_MS]:
                del self._queries[key]
            for name in [
                name for name, one in self._parts.items() if now - one.asked_ms > PART_WATCHED_FOR_MS
            ]:
                del self._parts[name]
            if len(self._feeds) > MAX_WATCHED:
                oldest = min(self._feeds, key=lambda name: self._feeds[name].watched_ms)
                del self._feeds[oldest]


def _recent(
    course: deque[tuple[int, Mapping[str, int]]], heat: tuple[Heat, ...], now: int
) -> tuple[dict[str, int], int | None]:
    """Return activity per zone since the span began, from the day's totals seen before."""
    totals = {one.zone: one.picked_up + one.put_back for one in heat}
    course.append((now, totals))
    while len(course) > 1 and course[1][0] <= now - RECENT_MS:
        course.popleft()
    began, base = course[0]
    grown = {zone: total - base.get(zone, 0) for zone, total in totals.items()}
    # The day's totals start again at midnight of business: what there is now is all there was.
    recent = {zone: more if more >= 0 else totals[zone] for zone, more in grown.items()}
    return recent, began if now - began < RECENT_MS else None
