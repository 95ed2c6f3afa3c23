"""``shelfwise hub …``: run the hub, and the few things done to its database while it is not running.

Only one program writes to a database: ``run`` holds a lock beside an SQLite file, and the other commands
refuse while it does.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from cli.notify import heartbeat_from
from contract.errors import ConfigError, ShelfwiseError
from hub.app import LocalHub, run, wall_clock
from hub.config import HubSettings, load_settings
from hub.ledger.catalogue import store_names
from hub.ledger.engine import hold_database
from hub.ledger.rebuild import rebuild, verify
from hub.services.catalogue import parse_sales, read_text
from hub.services.till_signatures import TillSecrets

T = TypeVar("T")
hub_app = typer.Typer(no_args_is_help=True, help="The hub: observations become facts, plans and answers.")

ConfigOption = Annotated[Path, typer.Option("--config", help="TOML file with a section [hub]")]


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn our own errors into one sentence on stderr; exit code 2 for configuration, 1 for the rest."""
    try:
        yield
    except ShelfwiseError as error:
        typer.echo(f"shelfwise: {error}", err=True)
        raise typer.Exit(2 if isinstance(error, ConfigError) else 1) from error


def _with_database(config: Path, use: Callable[[HubSettings], T]) -> T:
    with _sentences():
        settings = load_settings(config, os.environ)
        with hold_database(settings.database):
            return use(settings)


def set_log_level(level: str) -> None:
    """Log from the configured level on; ``--verbose``, which has set DEBUG before, wins."""
    root = logging.getLogger()
    if root.level != logging.DEBUG:
        root.setLevel(level.upper())


@hub_app.command("run", epilog="Example: shelfwise hub run --config hub.toml")
def run_hub(config: ConfigOption = Path("hub.toml")) -> None:
    """Run API, ingest, writer and planning until SIGTERM or Ctrl-C."""

    def use(settings: HubSettings) -> None:
        set_log_level(settings.log_level)
        for name in ("alembic", "uvicorn"):
            logging.getLogger(name).setLevel(logging.WARNING)
        heartbeat = heartbeat_from(os.environ)
        try:
            run(settings, heartbeat=heartbeat, till_secrets=TillSecrets.from_environment(os.environ))
        finally:
            heartbeat.stopping()

    _with_database(config, use)


@hub_app.command("migrate", epilog="Example: shelfwise hub migrate --config hub.toml")
def migrate_database(config: ConfigOption = Path("hub.toml")) -> None:
    """Bring the database to this program's version."""
    _with_database(config, lambda settings: open_hub(settings).close())
    typer.echo("the database has this program's version")


@hub_app.command(
    "import",
    epilog="Example: shelfwise hub import --config hub.toml --store store.toml --products products.csv",
)
def import_files(
    config: ConfigOption = Path("hub.toml"),
    store: Annotated[
        list[Path] | None, typer.Option(help="store file (TOML); may be given several times")
    ] = None,
    products: Annotated[Path | None, typer.Option(help="catalogue (CSV)")] = None,
    bindings: Annotated[Path | None, typer.Option(help="EPC to SKU (CSV)")] = None,
    sales: Annotated[Path | None, typer.Option(help="a till's export (CSV)")] = None,
) -> None:
    """Load store, product, binding and sales files."""

    def use(settings: HubSettings) -> None:
        hub = open_hub(settings)
        try:
            hub.load_catalogue(stores=store or [], products=products, bindings=bindings)
            if sales is not None:
                for name, lines in parse_sales(read_text(sales), sales.name).items():
                    outcome = hub.sell(name, lines)
                    typer.echo(
                        f"{name}: {outcome.recorded} sale lines recorded, {outcome.repeats} known already"
                    )
        finally:
            hub.close()

    _with_database(config, use)
    typer.echo("loaded")


@hub_app.command("rebuild", epilog="Example: shelfwise hub rebuild --config hub.toml")
def rebuild_tables(config: ConfigOption = Path("hub.toml")) -> None:
    """Recompute every read table from the events."""

    def use(settings: HubSettings) -> None:
        hub = open_hub(settings)
        try:
            typer.echo(f"rebuilt from {hub.writer.run(rebuild)} events")
        finally:
            hub.close()

    _with_database(config, use)


@hub_app.command("verify", epilog="Example: shelfwise hub verify --config hub.toml")
def verify_tables(config: ConfigOption = Path("hub.toml")) -> None:
    """Compare the read tables with what the events say; exit 1 when they differ."""

    def use(settings: HubSettings) -> list[str]:
        hub = open_hub(settings)
        try:
            return verify(hub.writer)
        finally:
            hub.close()

    differences = _with_database(config, use)
    for line in differences:
        typer.echo(line)
    typer.echo("read tables differ from the events" if differences else "read tables equal the events")
    if differences:
        raise typer.Exit(1)


@hub_app.command("replan", epilog="Example: shelfwise hub replan --config hub.toml --store popup-1")
def replan_stores(
    config: ConfigOption = Path("hub.toml"),
    store: Annotated[str | None, typer.Option(help="this store only")] = None,
) -> None:
    """Decide what to order, and say why."""

    def use(settings: HubSettings) -> None:
        hub = open_hub(settings)
        try:
            for name in [store] if store else hub.reader.read(store_names):
                planned = hub.replan(name)
                typer.echo(
                    f"{name}: {planned.ordered} orders proposed, {planned.decided} decisions stored, {planned.unchanged} unchanged"
                )
        finally:
            hub.close()

    _with_database(config, use)


def open_hub(settings: HubSettings) -> LocalHub:
    """Open the database of a hub that is not running."""
    return LocalHub(settings.database, wall_clock, stale_after_ms=settings.stale_after_s * 1000)
