#!/usr/bin/env python3
"""Train the gate's coefficients from simulated gates, always with the same result.

Usage: python scripts/train_gate.py [--check]

Writes edge/sensing/gate_coefficients.json. The gate scenes are run on tuning seeds only, with the first
radio model only. A tag alone: each hearing gives several samples, cut at different moments; its label is
what had happened by then; a third of them lose their phase, as many readers tell none. A tag beside others:
all that is heard at one moment, judged alone by the first table, on seeds which that has not seen.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.sensing.gate_classifier import BESIDE_EVEN, BESIDE_ODD, CLASSES, Softmax, beside, log_evidence
from edge.sensing.gate_features import EVEN, ODD, Echoes, figures
from firmware_sim.world.chance import generator
from firmware_sim.world.portal import INNER, START, GateRead, GateTruth, Through, gate_scene
from firmware_sim.world.portal_radio import gate_reads

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

SCENES: Final = {"goods": "dock-stray", "items": "store-exit"}
ALONE: Final = {"goods": ((1, 2, 3, 4), 20.0), "items": ((1, 2, 3, 4, 5, 6), 40.0)}
"""What is carried → tuning seeds and minutes of each."""

BESIDE: Final = ((5, 6, 7), 20.0)
ROUNDS: Final = 2

FILE: Final = Path(__file__).parent.parent / "edge" / "sensing" / "gate_coefficients.json"
GAP_MS: Final = 2_000
KEPT_MS: Final = 4_000
WINDOW_MS: Final = 12_000
OVER_MS: Final = 100
MOMENT_MS: Final = 700
RIDGE: Final = 2.0
STEPS: Final = 12


def alone(
    reads: list[GateRead], truth: GateTruth, chance: np.random.Generator
) -> tuple[Floats, Floats, Ints]:
    """Return figures and labels of a run's hearings, cut at several moments each."""
    labels = {event.epc: event for event in truth.through}
    cuts: list[tuple[list[GateRead], float]] = []
    wanted: list[int] = []
    for epc, own in _by_tag(reads).items():
        event = labels.get(epc)
        for hearing in _hearings(own):
            for moment in _moments(hearing, None if event is None else event.at, chance):
                part = [read for read in hearing if moment - WINDOW_MS < read.at <= moment]
                if len(part) < 2:
                    continue
                cuts.append((part, (moment - part[-1].at) / 1000))
                wanted.append(_label(event, moment))
    silent = chance.random(len(cuts)) < 0.3
    found = figures(
        _echoes([part for part, _ in cuts], silent), np.minimum([since for _, since in cuts], GAP_MS / 1000)
    )
    return found.even, found.odd, np.array(wanted)


def together(
    reads: list[GateRead], truth: GateTruth, table: Softmax
) -> tuple[list[tuple[Floats, Floats]], Ints]:
    """Return what is thought of each tag alone and when it was on the line, moment by moment, and all labels."""
    labels = {event.epc: event for event in truth.through}
    hearings = [
        (epc, hearing)
        for epc, own in _by_tag(reads).items()
        for hearing in _hearings(own)
        if len(hearing) > 1
    ]
    firsts = np.array([hearing[0].at for _, hearing in hearings])
    lasts = np.array([hearing[-1].at for _, hearing in hearings])
    judged: list[tuple[Floats, Floats]] = []
    wanted: list[int] = []
    for moment in range(START + GAP_MS, int(lasts.max()), MOMENT_MS):
        parts, epcs = [], []
        for index in np.flatnonzero((firsts < moment) & (lasts > moment - KEPT_MS)):
            epc, hearing = hearings[index]
            until = min(moment, hearing[-1].at)
            part = [read for read in hearing if until - WINDOW_MS < read.at <= moment]
            if len(part) > 1:
                parts.append(part)
                epcs.append(epc)
        if not parts:
            continue
        last = np.array([part[-1].at for part in parts])
        found = figures(
            _echoes(parts, np.zeros(len(parts), dtype=bool)),
            np.minimum((moment - last) / 1000, GAP_MS / 1000),
        )
        judged.append((log_evidence(found.even, found.odd, table), (last - moment) / 1000 + found.crossed_s))
        wanted += [_label(labels.get(epc), moment) for epc in epcs]
    return judged, np.array(wanted)


def _by_tag(reads: list[GateRead]) -> dict[str, list[GateRead]]:
    by_tag: defaultdict[str, list[GateRead]] = defaultdict(list)
    for read in sorted(reads, key=lambda read: read.at):
        by_tag[read.epc].append(read)
    return by_tag


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


def _label(event: Through | None, moment: int) -> int:
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


def train(
    even: Floats, odd: Floats, wanted: Ints, names: tuple[tuple[str, ...], tuple[str, ...]]
) -> dict[str, Any]:
    """Return a table as it is stored: Newton's method on the penalised likelihood."""
    mean, scale = even.mean(axis=0), even.std(axis=0) + 1e-6
    odd_scale = np.sqrt((odd**2).mean(axis=0)) + 1e-6
    design = _design((even - mean) / scale, odd / odd_scale)
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
    width = even.shape[1] + 1
    blocks = [theta[start * width : (start + 1) * width] for start in range(3)]
    share = target.mean(axis=0)
    share[1] = share[2] = (share[1] + share[2]) / 2

    def rounded(values: Floats) -> list[float]:
        return [round(float(value), 4) for value in values]

    return {
        "even_names": list(names[0]),
        "odd_names": list(names[1]),
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


def _joined(runs: list[tuple[Floats, Floats, Ints]]) -> tuple[Floats, Floats, Ints]:
    even, odd, wanted = zip(*runs, strict=True)
    return np.concatenate(even), np.concatenate(odd), np.concatenate(wanted)


def means() -> str:
    """Return what a minute of goods gives on average: other figures than the tables were made for show here."""
    even, odd, _ = alone(*gate_reads(gate_scene(SCENES["goods"]), 1, 1.0), generator(1, "gate", "means"))
    return " ".join(f"{mean:.4f}" for mean in (*even.mean(axis=0), *np.abs(odd).mean(axis=0)))


def tables() -> dict[str, Any]:
    """Train everything; return what the file holds."""
    found: dict[str, Any] = {}
    samples = {}
    for carries, (seeds, minutes) in ALONE.items():
        runs = [
            alone(
                *gate_reads(gate_scene(SCENES[carries]), seed, minutes),
                generator(seed, "gate", "training", carries),
            )
            for seed in seeds
        ]
        even, odd, wanted = _joined(runs)
        samples[carries] = len(wanted)
        found[carries] = train(even, odd, wanted, (EVEN, ODD))
    table = msgspec.convert(found["goods"], Softmax)
    seeds, minutes = BESIDE
    runs_of_moments = [
        together(*gate_reads(gate_scene(SCENES["goods"]), seed, minutes), table) for seed in seeds
    ]
    judged = [moment for moments, _ in runs_of_moments for moment in moments]
    wanted = np.concatenate([labels for _, labels in runs_of_moments])
    found["beside"] = []
    for _ in range(ROUNDS):
        contexts = [beside(evidence, crossed_s) for evidence, crossed_s in judged]
        even, odd = (np.concatenate([getattr(one, half) for one in contexts]) for half in ("even", "odd"))
        found["beside"].append(train(even, odd, wanted, (BESIDE_EVEN, BESIDE_ODD)))
        table = msgspec.convert(found["beside"][-1], Softmax)
        judged = [
            (log_evidence(context.even, context.odd, table), crossed_s)
            for context, (_, crossed_s) in zip(contexts, judged, strict=True)
        ]
    plans = [(f"{SCENES[carries]} alone", plan) for carries, plan in ALONE.items()]
    plans.append((f"{SCENES['goods']} beside", BESIDE))
    provenance = {
        "made_by": "scripts/train_gate.py",
        "from": "simulated gates, first radio model: "
        + "; ".join(
            f"{name} seeds {', '.join(map(str, seeds))}, {minutes:g} min each"
            for name, (seeds, minutes) in plans
        ),
        "samples": ", ".join(map(str, [*samples.values(), len(wanted)])),
        "ridge": str(RIDGE),
        "means": means(),
    }
    return {"provenance": provenance, **found}


def main() -> int:
    """Train and write, or with --check only compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when the file is stale")
    check = parser.parse_args().check
    text = json.dumps(tables(), indent=1) + "\n"
    if check:
        return 0 if FILE.read_text(encoding="utf-8") == text else 1
    FILE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
