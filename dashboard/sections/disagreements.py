"""Where RFID and weight of a shelf tell different things, until the zone is counted; each in one sentence."""

from dataclasses import dataclass
from typing import Final

import streamlit as st

from dashboard.sections.choosing import heading
from dashboard.sections.stock_takes import zone_names
from dashboard.set_up import Source
from dashboard.snapshot import Snapshot, records
from dashboard.view import Screen
from dashboard.words import Words, plain

SECTION: Final = "disagreements"
SHOWN: Final = 8
ASKED: Final = 50


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One row; ``weight_units`` is None where the weight fits no goods."""

    zone: str
    why: str
    at_ms: int
    rfid_units: int
    weight_units: int | None
    weight_g: float | None


DISAGREEMENTS: Final = Source(
    "disagreements",
    10_000,
    lambda client, store: records(Disagreement, client.disagreements(store, limit=ASKED)),
)


def draw_disagreements(screen: Screen, snapshot: Snapshot) -> None:
    """Draw the section; nothing while all agree."""
    words, part = screen.words, screen.poller.part(snapshot.store.store, DISAGREEMENTS)
    if not part.value:
        return
    heading(screen, SECTION, part, DISAGREEMENTS, title="disagree.title")
    zones = zone_names(snapshot, words)
    with st.container(border=True, key="card_disagreements", gap="xsmall"):
        for one in part.value[:SHOWN]:
            when = words.moment(one.at_ms, screen.now_ms)
            st.text(f"{zones.get(one.zone, plain(one.zone))} · {when} · {sentence(one, words)}")
    if len(part.value) > SHOWN:
        st.caption(words("disagree.more", n=words.number(len(part.value) - SHOWN)))
    with st.container(key="small_disagreements"):
        st.text(words("disagree.do"))


def sentence(one: Disagreement, words: Words) -> str:
    """Return what each side says."""
    if one.weight_units is None:
        weight = words("disagree.grams", n=f"{one.weight_g or 0.0:+.0f}")
    else:
        weight = words("disagree.units", n=f"{one.weight_units:+d}")
    return words("disagree.text", rfid=words("disagree.units", n=f"{one.rfid_units:+d}"), weight=weight)
