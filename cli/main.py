"""The ``shelfwise`` command: gathers the sub-commands and turns errors into one sentence.

Sub-commands import their package only when chosen, so that `shelfwise --help` works on a bare install
and a Pi without the hub's libraries can run its edge agent.
"""

import importlib
import logging
import sys
from typing import Final

import typer

from contract.errors import ConfigError, ShelfwiseError

COMMANDS: Final = {
    "demo": ("cli.demo", "demo", "all", "a simulated store, running, in one command"),
    "edge": ("cli.edge", "edge_app", "edge", "the agent on the Pi: run, check, outbox"),
    "hub": ("cli.hub", "hub_app", "hub", "the back room: run, import, rebuild, verify"),
    "gate": ("cli.gate", "gate_app", "", "goods through a gate: expect, batches, show, confirm"),
    "dashboard": ("cli.dashboard", "dashboard_app", "dashboard", "the live screen in a browser"),
    "stock-take": ("cli.stock_take", "stock_take_app", "", "count a store: open, count, close, approve"),
    "sim": ("cli.sim", "sim_app", "sim", "simulated devices on real lines"),
    "decode": ("cli.decoding.command", "decode", "edge", "device bytes to JSON lines"),
    "drivers": ("cli.drivers.command", "drivers_app", "edge", "drivers: list, check, begin a new one"),
    "survey": ("cli.survey", "survey_app", "edge", "antennas: what they hear, which zone they are"),
    "doctor": ("cli.doctor", "doctor", "edge", "what is there, what is missing"),
    "bench": ("cli.bench", "bench_app", "all", "measurements beside a yardstick"),
    "contract": ("cli.contract", "contract_app", "", "the message contract as JSON Schema"),
}
"""Command → module, name in it, extra that brings its libraries, one line of help."""

OWN_PACKAGES: Final = ("", "cli", "contract", "dashboard", "edge", "firmware_sim", "hub")

HELP: Final = "Shelfwise: from device bytes to stock, try-ons, footfall and explained orders."


def _load(name: str) -> tuple[str, object]:
    module_name, attribute, extra, _ = COMMANDS[name]
    try:
        return attribute, getattr(importlib.import_module(module_name), attribute)
    except ModuleNotFoundError as error:
        library = (error.name or "").split(".")[0]
        if library in OWN_PACKAGES:
            raise
        raise ConfigError(
            f"'shelfwise {name}' needs the library {library!r}, which is not installed; install it with: pip install 'shelfwise[{extra}]'"
        ) from error


def build(name: str | None) -> typer.Typer:
    """Return the program with the chosen sub-command loaded, or with none for the overall help."""
    app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

    @app.callback()
    def root(*, verbose: bool = typer.Option(False, "--verbose", "-v", help="log every detail")) -> None:
        logging.basicConfig(
            level=logging.DEBUG if verbose else logging.INFO,
            format="%(asctime)s %(levelname)s %(name)s %(message)s",
            stream=sys.stderr,
            force=True,
        )
        for chatty in ("httpx", "httpcore", "alembic", "asyncio", "uvicorn.access"):
            logging.getLogger(chatty).setLevel(logging.WARNING)

    for command in COMMANDS if name is None else [name]:
        if name is None:
            app.command(command, help=COMMANDS[command][3])(_placeholder)
            continue
        _, found = _load(command)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=command)
        else:
            app.command(command)(found)  # type: ignore[type-var]
    return app


def _placeholder() -> None:
    """See `shelfwise COMMAND --help`."""


def main() -> None:
    """Entry point. Exit code 0 for done, 1 for failed, 2 for a wrong command or configuration."""
    name = next((argument for argument in sys.argv[1:] if argument in COMMANDS), None)
    try:
        build(name)()
    except ConfigError as error:
        print(f"shelfwise: {error}", file=sys.stderr)
        sys.exit(2)
    except ShelfwiseError as error:
        print(f"shelfwise: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
