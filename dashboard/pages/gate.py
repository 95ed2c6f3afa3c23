"""Gate: the last batch in full, booked in two taps; the batches before it; announced goods.

A new batch takes the place of the one before, but never under a finger: while somebody is about to book a batch,
or has chosen one to look at, that one stays.
"""

import pyarrow as pa
import streamlit as st

from dashboard.gate import BATCHES, NOTICES, Batch, one_batch
from dashboard.sections.choosing import names_of, not_yet, say
from dashboard.sections.gate_batch import SECTION, draw_batch, pending_batch
from dashboard.snapshot import Snapshot
from dashboard.view import Screen, live
from dashboard.words import plain

CHOSEN = "choose_batch"
"""Widget key: the batch that somebody chose to look at, None for the newest."""


def draw(screen: Screen, snapshot: Snapshot) -> None:
    """Draw the page."""
    store = snapshot.store.store
    part = screen.poller.part(store, BATCHES)
    say(screen, SECTION)
    if part.value is None:
        not_yet(screen, part)
    elif not part.value:
        st.info(screen.words("gate.none"), icon=":material/garage_door:")
    else:
        shown = pending_batch() or st.session_state.get(CHOSEN) or part.value[0].batch_id
        batch = screen.poller.part(store, one_batch(shown))
        if batch.value is None:
            not_yet(screen, batch)
        else:
            draw_batch(screen, snapshot, batch.value, names_of(snapshot))
        _others(screen, part.value)
    _notices(screen, store)


def _others(screen: Screen, batches: tuple[Batch, ...]) -> None:
    words = screen.words
    if len(batches) < 2:
        return
    st.subheader(words("gate.earlier"), anchor=False)
    told = {one.batch_id: _line(screen, one) for one in batches}
    st.selectbox(
        words("gate.show"), list(told), index=None, format_func=lambda name: told.get(name, name), key=CHOSEN,
        placeholder=words("gate.pick"), label_visibility="collapsed",
    )  # fmt: skip
    table = pa.table(
        {
            words("gate.time"): [words.moment(one.ended_ms, screen.now_ms) for one in batches],
            words("gate.state"): [
                words.maybe(f"gate.state_{one.state}", plain(one.state)) for one in batches
            ],
            words("gate.expected"): [
                one.counts.get("expected", 0) + one.counts.get("by_carton", 0) for one in batches
            ],
            words("gate.unexpected"): [one.counts.get("unexpected", 0) for one in batches],
            words("gate.undecided"): [one.counts.get("undecided", 0) for one in batches],
            words("gate.gate"): [plain(one.gate) for one in batches],
        }
    )
    st.dataframe(table, hide_index=True, key="batches", lazy=False)


def _line(screen: Screen, batch: Batch) -> str:
    words = screen.words
    state = words.maybe(f"gate.state_{batch.state}", plain(batch.state))
    return f"{words.moment(batch.ended_ms, screen.now_ms)} · {state}"


def _notices(screen: Screen, store: str) -> None:
    words = screen.words
    part = screen.poller.part(store, NOTICES)
    if part.value is None:
        return
    st.subheader(words("gate.open_notices"), anchor=False)
    if not part.value:
        st.info(words("gate.no_notices"), icon=":material/receipt_long:")
        return
    table = pa.table(
        {
            words("gate.notice"): [plain(one.notice_id) for one in part.value],
            words("gate.open"): [
                words("gate.of", open=words.number(one.open_units), all=words.number(one.units))
                for one in part.value
            ],
            words("gate.gate"): [
                f"{plain(one.gate)} {words(f'gate.way_{one.direction}')}" for one in part.value
            ],
        }
    )
    st.dataframe(table, hide_index=True, key="notices", lazy=False)


live(draw)
