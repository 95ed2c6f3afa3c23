"""Verdicts on the hearings of a gate: weighed together with what crosses beside them, then settled.

A tag is told to have gone in or out as soon as that is near certain, or likely some time after the line, at
the latest when its hearing has ended; a turn is told only then, because until then it may still go on.
A hearing is settled once.
"""

from typing import Final, NamedTuple

import msgspec
import numpy as np

from edge.sensing.gate_classifier import CLASSES, STATIC, TOGETHER_S, WAYS, Coefficients, chances
from edge.sensing.gate_hearings import Hearing, Verdict
from edge.sensing.gate_settings import GateSettings

COMPANY: Final = 1.0
"""Where goods are carried, so many others must be on their way with a tag that is not near certain."""

LIKELY: Final = 0.5
"""A tag that is carried more likely than this is waited for; at the end of its hearing it is told."""


class Decision(NamedTuple):
    """What is told of a tag, and how probable it is."""

    epc: str
    verdict: Verdict
    chance: float


class Votes(NamedTuple):
    """What came of a vote.

    Attributes:
        hearings: with the new verdicts.
        told: new verdicts on tags that were carried.
        pending: tags that are more likely carried than not, and still open.
    """

    hearings: dict[str, Hearing]
    told: list[Decision]
    pending: list[str]


def vote(hearings: dict[str, Hearing], gate: GateSettings, coefficients: Coefficients, now: int) -> Votes:
    """Find how likely each hearing is carried, and settle what is certain."""
    weighed = [(epc, hearing) for epc, hearing in hearings.items() if hearing.evidence]
    if all(hearing.verdict for _, hearing in weighed):
        return Votes(hearings, [], [])
    crossed_s = np.array([hearing.crossed_at - now for _, hearing in weighed]) / 1000
    judged = chances(
        np.array([hearing.evidence for _, hearing in weighed]),
        crossed_s,
        carries=gate.carries,
        moved_prior=gate.moved_prior,
        coefficients=coefficients,
    )
    moving = 1.0 - judged[:, STATIC]
    beside = np.exp(-0.5 * ((crossed_s[:, None] - crossed_s) / TOGETHER_S) ** 2) @ moving - moving
    accompanied = beside >= COMPANY if gate.carries == "goods" else np.ones(len(moving), dtype=bool)
    known, told, pending = dict(hearings), [], []
    for (epc, hearing), chance, company in zip(weighed, judged.tolist(), accompanied.tolist(), strict=True):
        if hearing.verdict:
            continue
        verdict, sure = _verdict(hearing, chance, gate, now, company=company)
        if verdict:
            known[epc] = msgspec.structs.replace(hearing, verdict=verdict, settled_at=now)
            if verdict != "static":
                told.append(Decision(epc, verdict, round(sure, 4)))
        elif 1.0 - chance[STATIC] >= LIKELY:
            pending.append(epc)
    return Votes(known, told, pending)


def _verdict(
    hearing: Hearing, chance: list[float], gate: GateSettings, now: int, *, company: bool
) -> tuple[Verdict, float]:
    """Return the verdict, empty while it is open, and the probability of the likeliest way."""
    best = max(WAYS, key=lambda way: chance[way])
    way: Verdict = CLASSES[best]
    sure = chance[best]
    if not hearing.ended:
        past = now - hearing.crossed_at >= gate.answer_ms and hearing.crossed_at >= hearing.first_at
        needed = gate.decided if past and company else gate.live
        return ("" if way == "turned" or sure < needed else way), sure
    if chance[STATIC] >= LIKELY or not (company or sure >= gate.live):
        return "static", sure
    return (way if sure >= gate.decided else "undecided"), sure
