"""``shelfwise demo``: a simulated store, running, in one command; with --check, against known truth."""

import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from cli.broker import answers
from cli.store import STRAY_CODE, LocalStore
from dashboard.client import HubUnreachableError

SEED = 7


def demo(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="compare the hub with ground truth and exit")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="keep files and logs here instead of a temporary folder")
    ] = None,
    port: Annotated[int, typer.Option(help="port of the API, 0 for a free one")] = 0,
    screen_port: Annotated[int, typer.Option(help="port of the screen, 0 for a free one")] = 0,
    screen: Annotated[bool, typer.Option("--screen/--no-screen", help="open the live screen too")] = True,
    scenario: Annotated[
        str, typer.Option("--scenario", "-s", help="a name that `shelfwise sim list` shows, or a TOML file")
    ] = "popup",
    noise: Annotated[bool, typer.Option("--noise/--no-noise", help="noisy or exact sensing")] = True,
    seed: Annotated[int, typer.Option(help="everything random follows from it")] = SEED,
    busy_s: Annotated[float, typer.Option(help="with --check: length of the busy part in real time")] = 180.0,
    hour_s: Annotated[
        float, typer.Option(help="with --check: length of the simulated part in lockstep")
    ] = 3600.0,
    seconds: Annotated[float | None, typer.Option("--for", help="end after this many seconds")] = None,
) -> None:
    """Open a simulated store: broker, hub, devices and edge agent as programs of their own.

    Prints the API's address and a live table; Ctrl-C ends everything.

    Example: shelfwise demo --port 8080
    """
    with tempfile.TemporaryDirectory(prefix="shelfwise-") as scratch:
        place = (folder or Path(scratch)).absolute()
        if check:
            from cli.check import check_store

            raise typer.Exit(0 if check_store(place, seed=seed, busy_s=busy_s, hour_s=hour_s) else 1)
        store = LocalStore(place, scenario, hub_port=port, dashboard_port=screen_port)
        _open(store, noise=noise, seed=seed, seconds=seconds, screen=screen)


def _open(store: LocalStore, *, noise: bool, seed: int, seconds: float | None, screen: bool) -> None:
    console = Console()
    with store.family:
        started = time.monotonic()
        popup = store.scenario_name == "popup"
        if popup:
            console.print("writing nine simulated days of history …")
            store.write_history(seed=seed)
        console.print("starting broker, hub, simulated devices and edge agent …")
        store.start(noise=noise, seed=seed, stray_code=STRAY_CODE if popup else "")
        if screen:
            store.start_dashboard()
            store.family.wait_for("the screen", lambda: answers(store.dashboard_port), 60)
        store.family.wait_for("live stock", lambda: _has_stock(store), 60)
        console.print(f"live after {time.monotonic() - started:.1f} s; files and logs in {store.folder}")
        if screen:
            console.print(f"screen   [bold]{store.dashboard_url}[/bold]")
            if popup:
                console.print(
                    f"its page Set-up asks for the product of code {STRAY_CODE}, which the till has sold once"
                )
        console.print(f"API      [bold]{store.url}/v1/stores/{store.store}/stock[/bold]")
        console.print(f"all of it {store.url}/docs    end with Ctrl-C")
        try:
            with Live(console=console, refresh_per_second=2, transient=False) as live:
                while seconds is None or time.monotonic() - started < seconds:
                    store.family.check()
                    live.update(_picture(store))
                    time.sleep(1)
        except KeyboardInterrupt:
            pass
        console.print("closing the store …")


def _has_stock(store: LocalStore) -> bool:
    try:
        return any(line["total"] for line in store.client.stock(store.store)["lines"])
    except HubUnreachableError:
        return False


def _picture(store: LocalStore) -> Any:
    try:
        stock, footfall = store.client.stock(store.store), store.client.footfall(store.store)
        try_ons = store.client.get(f"/v1/stores/{store.store}/try-ons")
        orders, devices = store.client.orders(store.store), store.client.devices(store.store)
    except HubUnreachableError as error:
        return f"[red]the hub does not answer:[/red] {error}"
    table = Table(
        "SKU",
        "name",
        "on-hand",
        "where",
        "in hand",
        title=f"{stock['store']}, simulated, {time.strftime('%H:%M:%S')}",
    )
    for line in stock["lines"]:
        zones = "  ".join(
            f"{zone['zone']} {zone['units']}{'?' if zone['uncertain'] else ''}" for zone in line["zones"]
        )
        table.add_row(
            line["sku"] or "unknown items",
            line["name"] or "",
            str(line["total"]),
            zones,
            str(line["unplaced"]),
        )
    people = f"people in {footfall['entered']}, out {footfall['left']}, inside {footfall['occupancy']}"
    tries = f"try-ons {sum(line['try_ons'] for line in try_ons)}, of which sold {sum(line['sold'] for line in try_ons)}"
    health = "  ".join(f"{device['device']} {device['state']}" for device in devices)
    waiting = sum(order["state"] == "proposed" for order in orders)
    return Group(table, f"{people}; {tries}; orders to approve {waiting}", f"devices: {health}")
