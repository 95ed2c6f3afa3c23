#!/usr/bin/env python3
"""Train the gate's coefficients from simulated gates, always with the same result.

Usage: python scripts/train_gate.py [--check]

Writes edge/sensing/gate_coefficients.json. Both gate scenes are run on tuning seeds only, with the first
radio model only. Each hearing gives several samples, cut at different moments; its label is what had
happened by then. Half of the hearings lose their phase, as many readers tell none.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.sensing.gate_classifier import CLASSES
from edge.sensing.gate_features import EVEN, ODD, Echoes, Figures, figures
from firmware_sim.world.chance import generator
from firmware_sim.world.portal import INNER, GateRead, GateTruth, gate_scene
from firmware_sim.world.portal_radio import gate_reads

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PLAN: Final = {"dock-stray": ((1, 2, 3, 4), 20.0), "store-exit": ((1, 2, 3, 4, 5, 6), 40.0)}
"""Scene → tuning seeds and minutes of each."""

FILE: Final = Path(__file__).parent.parent / "edge" / "sensing" / "gate_coefficients.json"
GAP_MS: Final = 2_000
WINDOW_MS: Final = 12_000
OVER_MS: Final = 100
RIDGE: Final = 2.0
STEPS: Final = 12


def samples(reads: list[GateRead], truth: GateTruth, chance: np.random.Generator) -> tuple[Figures, Ints]:
    """Return figures and labels of a run's hearings, cut at several moments each."""
    labels = {event.epc: event for event in truth.through}
    by_tag: defaultdict[str, list[GateRead]] = defaultdict(list)
    for read in reads:
        by_tag[read.epc].append(read)
    cuts: list[tuple[list[GateRead], float]] = []
    wanted: list[int] = []
    for epc, own in by_tag.items():
        own.sort(key=lambda read: read.at)
        event = labels.get(epc)
        for hearing in _hearings(own):
            for moment in _moments(hearing, None if event is None else event.at, chance):
                part = [read for read in hearing if moment - WINDOW_MS < read.at <= moment]
                if len(part) < 2:
                    continue
                cuts.append((part, (moment - part[-1].at) / 1000))
                wanted.append(_label(event, moment))
    silent = chance.random(len(cuts)) < 0.3
    return figures(
        _echoes([part for part, _ in cuts], silent), np.array([since for _, since in cuts])
    ), np.array(wanted)


def _hearings(reads: list[GateRead]) -> list[list[GateRead]]:
    parts: list[list[GateRead]] = [[]]
    for read in reads:
        if parts[-1] and read.at - parts[-1][-1].at > GAP_MS:
            parts.append([])
        parts[-1].append(read)
    return parts


def _moments(hearing: list[GateRead], crossed: int | None, chance: np.random.Generator) -> list[int]:
    first, last = hearing[0].at, hearing[-1].at
    ended = last + GAP_MS
    if last - first > 60_000:
        return [int(at) for at in chance.uniform(first, last, 12)]
    moments = [ended, int(chance.uniform(first, ended)), int(chance.uniform(first, ended))]
    if crossed is not None:
        moments += [
            int(crossed + chance.uniform(lo, hi)) for lo, hi in ((-1500, 100), (300, 900), (600, 1500))
        ]
    return [at for at in moments if first < at <= ended]


def _label(event: Any, moment: int) -> int:
    if event is None:
        return 0
    if event.direction == "turned" or moment < event.at + OVER_MS:
        return CLASSES.index("turned")
    return CLASSES.index(event.direction)


def _echoes(parts: list[list[GateRead]], silent: NDArray[np.bool_]) -> Echoes:
    row = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    flat = [read for part in parts for read in part]
    last = np.array([part[-1].at for part in parts])
    phase = np.radians([read.phase_deg for read in flat])
    phase[silent[row]] = np.nan
    return Echoes(
        row=row,
        at_s=(np.array([read.at for read in flat]) - last[row]) / 1000,
        side=np.array([int(read.antenna == INNER) for read in flat]),
        rssi_dbm=np.array([read.rssi_dbm for read in flat]),
        phase_rad=phase,
        channel=np.array([2 * read.frequency_khz + int(read.antenna == INNER) for read in flat]),
    )


def train(found: Figures, wanted: Ints, provenance: dict[str, str]) -> dict[str, Any]:
    """Return coefficients as they are stored: Newton's method on the penalised likelihood."""
    mean, scale = found.even.mean(axis=0), found.even.std(axis=0) + 1e-6
    odd_scale = np.sqrt((found.odd**2).mean(axis=0)) + 1e-6
    even, odd = (found.even - mean) / scale, found.odd / odd_scale
    design = _design(even, odd)
    target = np.eye(len(CLASSES))[wanted]
    theta = np.zeros(design.shape[2])
    for _ in range(STEPS):
        score = design @ theta
        score -= score.max(axis=1, keepdims=True)
        chance = np.exp(score)
        chance /= chance.sum(axis=1, keepdims=True)
        gradient = np.einsum("nc,ncp->p", chance - target, design) + RIDGE * theta
        middle = np.einsum("nc,ncp->np", chance, design)
        flat = design.reshape(-1, design.shape[2])
        hessian = (flat * chance.reshape(-1, 1)).T @ flat - middle.T @ middle
        theta -= np.linalg.solve(hessian + RIDGE * np.eye(len(theta)), gradient)
    width = len(EVEN) + 1
    blocks = [theta[start * width : (start + 1) * width] for start in range(3)]
    share = target.mean(axis=0)
    share[1] = share[2] = (share[1] + share[2]) / 2

    def rounded(values: Floats) -> list[float]:
        return [round(float(value), 4) for value in values]

    return {
        "provenance": provenance,
        "even_names": list(EVEN),
        "odd_names": list(ODD),
        "even_mean": rounded(mean),
        "even_scale": rounded(scale),
        "odd_scale": rounded(odd_scale),
        "prior": rounded(share),
        "bias": rounded(np.array([block[0] for block in blocks])),
        "static": rounded(blocks[0][1:]),
        "passing": rounded(blocks[1][1:]),
        "turned": rounded(blocks[2][1:]),
        "inwards": rounded(theta[3 * width :]),
    }


def _design(even: Floats, odd: Floats) -> Floats:
    """Return [sample, class, parameter]: static, passing and turned with the even figures, in and out with the odd."""
    count, width = len(even), even.shape[1] + 1
    first = np.concatenate([np.ones((count, 1)), even], axis=1)
    design = np.zeros((count, len(CLASSES), 3 * width + odd.shape[1]))
    for name, block, sign in (("static", 0, 0.0), ("in", 1, 1.0), ("out", 1, -1.0), ("turned", 2, 0.0)):
        one = CLASSES.index(name)
        design[:, one, block * width : (block + 1) * width] = first
        design[:, one, 3 * width :] = sign * odd
    return design


def collect(plan: dict[str, tuple[tuple[int, ...], float]]) -> tuple[Figures, Ints]:
    """Return the samples of all scenes and seeds of a plan."""
    found, wanted = [], []
    for name, (seeds, minutes) in plan.items():
        for seed in seeds:
            reads, truth = gate_reads(gate_scene(name), seed, minutes)
            one, label = samples(reads, truth, generator(seed, "gate", "training", name))
            found.append(one)
            wanted.append(label)
    return (
        Figures(*(np.concatenate([getattr(one, field) for one in found]) for field in Figures._fields)),
        np.concatenate(wanted),
    )


def main() -> int:
    """Train and write, or with --check only compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when the file is stale")
    check = parser.parse_args().check
    found, wanted = collect(PLAN)
    provenance = {
        "made_by": "scripts/train_gate.py",
        "from": "simulated gates, first radio model: "
        + "; ".join(
            f"{name} seeds {', '.join(map(str, seeds))}, {minutes:g} min each"
            for name, (seeds, minutes) in PLAN.items()
        ),
        "samples": str(len(wanted)),
        "ridge": str(RIDGE),
    }
    text = json.dumps(train(found, wanted, provenance), indent=1) + "\n"
    if check:
        return 0 if FILE.read_text(encoding="utf-8") == text else 1
    FILE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
