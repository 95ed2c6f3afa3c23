"""``shelfwise demo --check``: is what the hub says true?

Part one runs in real time, every part its own program, through ptys and MQTT: three busy minutes. Part
two is a simulated hour at speed with all clocks in lockstep, once without noise and once with, and one without
noise of a store with every device family. Without
noise hub and truth must agree in everything; with noise in people and sales, and the zones of tags must
be wrong for at most one in a hundred after sixty quiet seconds.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.progress import Progress

from cli.lockstep import Lockstep
from cli.pictures import api_picture
from cli.store import LocalStore
from cli.truth import Picture, Row, as_table, compare, tag_zone_error, truth_picture
from dashboard.client import HubUnreachableError
from firmware_sim.world.scenarios import built_in

MIN_PICKS: Final = 60
MIN_SALES: Final = 10
MAX_TAG_ZONE_ERROR: Final = 0.01
QUIET_S: Final = 60.0
LOCKSTEP: Final = (("calm", False), ("calm", True), ("devices", False))
"""Scenario and noise of each simulated hour."""

LOCKSTEP_START: Final = 1_795_255_200_000

console = Console()


def check_store(folder: Path, *, seed: int, busy_s: float = 180.0, hour_s: float = 3600.0) -> bool:
    """Run both parts; print both sides; return whether every demand is met."""
    good = True
    for noise in (False, True):
        if busy_s:
            good &= check_real_time(
                folder / f"real-time-{'noisy' if noise else 'exact'}", seed=seed, busy_s=busy_s, noise=noise
            )
    for scenario, noise in LOCKSTEP if hour_s else ():
        good &= check_lockstep(
            folder / f"lockstep-{scenario}-{'noisy' if noise else 'exact'}",
            scenario,
            seed=seed,
            hour_s=hour_s,
            noise=noise,
        )
    console.print("[green]hub and truth agree[/green]" if good else "[red]hub and truth differ[/red]")
    return good


def check_real_time(folder: Path, *, seed: int, busy_s: float, noise: bool) -> bool:
    """Part one: programs, ptys, broker, real time."""
    store = LocalStore(folder, "busy")
    name = f"{busy_s:.0f} busy seconds in real time, {'noise on' if noise else 'noise off'}"
    with store.family, Progress(console=console, transient=True) as progress:
        task = progress.add_task(name, total=busy_s + QUIET_S)
        started = time.monotonic()
        store.start(noise=noise, seed=seed, quiet_after_s=busy_s)
        _until(
            lambda: time.monotonic() - started > busy_s,
            store,
            lambda: progress.update(task, completed=time.monotonic() - started),
        )
        _until(
            lambda: _settled(store),
            store,
            lambda: progress.update(task, completed=time.monotonic() - started),
            at_most_s=240,
        )
        quiet_from = time.monotonic()
        wait_s = QUIET_S if noise else 15.0
        _until(
            lambda: (
                time.monotonic() - quiet_from > wait_s
                or (
                    not noise
                    and all(
                        row.equal for row in compare(api_picture(store.client, store.store), _truth(store))
                    )
                )
            ),
            store,
            lambda: progress.update(task, completed=time.monotonic() - started),
        )
        snapshot = json.loads(store.truth_file.read_text(encoding="utf-8"))
        hub, truth = api_picture(store.client, store.store), truth_picture(snapshot)
    picks, sales = snapshot["picks"] + snapshot["tray_takes"], snapshot["sales"]
    console.print(f"{name}: {picks} picks, {sales} sales in the simulated store")
    enough = busy_s < 180 or (picks >= MIN_PICKS and sales >= MIN_SALES)
    if not enough:
        console.print(
            f"[red]too little happened: at least {MIN_PICKS} picks and {MIN_SALES} sales are wanted[/red]"
        )
    return _judge(name, hub, truth, noise=noise) and enough


def check_lockstep(folder: Path, scenario: str, *, seed: int, hour_s: float, noise: bool) -> bool:
    """Part two: one process, all clocks in lockstep, at speed."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{hour_s / 60:.0f} simulated minutes of {scenario!r} in lockstep, {'noise on' if noise else 'noise off'}"
    run = Lockstep(
        msgspec.structs.replace(built_in(scenario), noise=noise), seed, folder, start=LOCKSTEP_START
    )
    started = time.monotonic()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(name, total=hour_s / 60)
        run.run(hour_s, on_minute=lambda minute: progress.update(task, completed=minute))
        run.settle(QUIET_S)
    hub, truth = run.hub_picture(), run.truth_picture()
    took = time.monotonic() - started
    console.print(
        f"{name}: {run.observations} observations in {took:.0f} s ({hour_s / took:.0f} times real time)"
    )
    run.close()
    return _judge(name, hub, truth, noise=noise)


def _judge(name: str, hub: Picture, truth: Picture, *, noise: bool) -> bool:
    rows = compare(hub, truth)
    error = tag_zone_error(hub, truth)
    console.print(as_table(rows, name))
    console.print(f"tags in the wrong zone: {error:.2%}")
    strict: list[Row] = [row for row in rows if not (noise and row.what.startswith("on-hand "))]
    return all(row.equal for row in strict) and error <= (MAX_TAG_ZONE_ERROR if noise else 0.0)


def _truth(store: LocalStore) -> Picture:
    return truth_picture(json.loads(store.truth_file.read_text(encoding="utf-8")))


def _settled(store: LocalStore) -> bool:
    """True when nobody is inside any more and the hub has every sale."""
    try:
        hub, truth = api_picture(store.client, store.store), _truth(store)
    except (HubUnreachableError, OSError):
        return False
    snapshot = json.loads(store.truth_file.read_text(encoding="utf-8"))
    return bool(
        snapshot["occupancy"] == 0
        and not any(sku["in_hand"] for sku in snapshot["skus"])
        and hub.sold == truth.sold
    )


def _until(
    done: Callable[[], bool], store: LocalStore, on_turn: Callable[[], None], at_most_s: float = 3600.0
) -> None:
    deadline = time.monotonic() + at_most_s
    while not done() and time.monotonic() < deadline:
        store.family.check()
        on_turn()
        time.sleep(0.5)
