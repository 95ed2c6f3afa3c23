"""``shelfwise sim``: a simulated store on real lines, its files, its scenarios."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import msgspec
import typer

from cli.record import record
from cli.scenarios import load_scenario
from cli.till import Till, stray_sale
from firmware_sim.bench import Broker, Listener, SimulatedStore, Stops, run_realtime, write_store_files
from firmware_sim.world.floor import Sale
from firmware_sim.world.scenarios import BUILT_IN

LAST_SALES_S = 5.0

sim_app = typer.Typer(help="Simulated devices on real lines.", no_args_is_help=True)

ScenarioName = Annotated[
    str, typer.Option("--scenario", "-s", help="a name that `shelfwise sim list` shows, or a TOML file")
]
Folder = Annotated[
    Path, typer.Option("--dir", "-d", help="folder for the simulated lines and the store's files")
]


@sim_app.command("run")
def run(
    scenario: ScenarioName = "default",
    folder: Folder = Path("sim"),
    broker_host: Annotated[
        str, typer.Option(help="broker that publishing devices use", envvar="SHELFWISE_BROKER_HOST")
    ] = "127.0.0.1",
    broker_port: Annotated[int, typer.Option(help="its MQTT port", envvar="SHELFWISE_BROKER_PORT")] = 1883,
    broker_user: Annotated[
        str, typer.Option(help="user name there; its password comes from SHELFWISE_BROKER_PASSWORD")
    ] = "",
    listener_host: Annotated[
        str,
        typer.Option(
            help="the edge's HTTP listener, for pushing devices; its token comes from SHELFWISE_DEVICE_TOKEN"
        ),
    ] = "127.0.0.1",
    listener_port: Annotated[int, typer.Option(help="its port")] = 8090,
    hub_url: Annotated[
        str, typer.Option(help="post sales to this hub, for example http://127.0.0.1:8000")
    ] = "",
    noise: Annotated[
        bool | None,
        typer.Option("--noise/--no-noise", help="noisy or exact sensing; else as the scenario says"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="everything random follows from it")] = 1,
    seconds: Annotated[float | None, typer.Option("--for", help="end after this many seconds")] = None,
    shoppers_seconds: Annotated[
        float | None, typer.Option("--shoppers-for", help="let nobody in after this many seconds")
    ] = None,
    first_after: Annotated[
        float | None, typer.Option(min=0, help="nobody comes before this many seconds")
    ] = None,
    truth: Annotated[Path | None, typer.Option(help="write ground truth here every second")] = None,
    stray_code: Annotated[
        str,
        typer.Option(
            help="the till sells once under this code, which no product has; the truth has no such sale"
        ),
    ] = "",
) -> None:
    """Run a simulated store in real time until Ctrl-C, SIGTERM or --for.

    SIGUSR1 closes the door: nobody comes in any more, those inside finish and leave.

    Example: shelfwise sim run --scenario busy --dir sim --truth sim/truth.json --for 180
    """
    chosen = load_scenario(scenario)
    if noise is not None:
        chosen = msgspec.structs.replace(chosen, noise=noise)
    if first_after is not None:
        behaviour = msgspec.structs.replace(chosen.behaviour, first_after_s=first_after)
        chosen = msgspec.structs.replace(chosen, behaviour=behaviour)
    store = SimulatedStore(chosen, seed)
    till = Till(hub_url) if hub_url else None
    stops = Stops()
    broker = Broker(
        broker_host, broker_port, broker_user or None, os.environ.get("SHELFWISE_BROKER_PASSWORD")
    )
    print(
        f"store {chosen.store}: lines in {folder.absolute()}, readers on {broker_host}:{broker_port}, process {os.getpid()}",
        flush=True,
    )
    left = 0
    with _signals(stops):
        try:
            if till is not None:
                till.start()
                if stray_code:
                    till.ring_up([stray_sale(chosen.store, stray_code, time.time_ns() // 1_000_000)])
            run_realtime(
                store,
                folder=folder,
                broker=broker,
                listener=Listener(listener_host, listener_port, os.environ.get("SHELFWISE_DEVICE_TOKEN")),
                on_sales=_nowhere if till is None else till.ring_up,
                on_goods_in=None if till is None else till.hand_in,
                stops=stops,
                seconds=seconds,
                shoppers_seconds=shoppers_seconds,
                truth_path=truth,
            )
        finally:
            left = till.stop(LAST_SALES_S) if till is not None else 0
    found = store.world.truth
    unposted = f", {left} sales not accepted by the hub" if left else ""
    print(
        f"{found.entered} entered, {found.left} left, {found.picks} picks, {found.tray_takes} tray takes, {found.sales} sales{unposted}"
    )


sim_app.command("record")(record)


@sim_app.command("list")
def list_scenarios() -> None:
    """List the scenarios that come with the simulator.

    Example: shelfwise sim list
    """
    for name, about in BUILT_IN.items():
        print(f"{name:8} {about}")


@sim_app.command("files")
def files(scenario: ScenarioName = "default", folder: Folder = Path("sim")) -> None:
    """Write store.toml, products.csv, bindings.csv and devices.toml of a scenario.

    Example: shelfwise sim files --scenario busy --dir sim
    """
    for path in write_store_files(load_scenario(scenario), folder):
        print(path)


def _nowhere(sales: list[Sale]) -> None:
    """Take sales when no hub was named; the truth has them."""


@contextmanager
def _signals(stops: Stops) -> Iterator[None]:
    """Let signals end the run, and give them back afterwards."""

    def set_event(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - where it struck does not matter
        (stops.shoppers if number == signal.SIGUSR1 else stops.everything).set()

    numbers = (signal.SIGUSR1, signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, set_event) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
