"""``shelfwise edge``: run the agent, check its configuration, look into its outbox."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cli.notify import heartbeat_from
from cli.tapes import replay
from edge.agent import run as run_agent
from edge.config import load_edge
from edge.outbox import Outbox

edge_app = typer.Typer(help="The edge agent on the Pi.", no_args_is_help=True)

CONFIG = typer.Option(Path("edge.toml"), "--config", "-c", help="the agent's TOML file")
REFUSED_SHOWN = 20


edge_app.command("replay")(replay)


@edge_app.command("run")
def run(
    config: Path = CONFIG,
    tape: Annotated[
        Path | None,
        typer.Option("--record", help="file for everything the devices say, to be played by `edge replay`"),
    ] = None,
) -> None:
    """Run the agent until Ctrl-C or SIGTERM.

    Example: shelfwise edge run --config /etc/shelfwise/edge.toml
    """
    edge = load_edge(config, os.environ)
    heartbeat = heartbeat_from(os.environ)
    text = config.read_text(encoding="utf-8") if tape is not None else ""
    try:
        run_agent(edge, heartbeat=heartbeat, tape=None if tape is None else (tape, text))
    finally:
        heartbeat.stopping()


@edge_app.command("check")
def check(config: Path = CONFIG) -> None:
    """Check the configuration and say what the agent would do.

    Example: shelfwise edge check --config edge.toml
    """
    edge = load_edge(config, os.environ)
    agent, broker = edge.config.agent, edge.config.broker
    print(
        f"agent {agent.id} of store {agent.store}, broker {broker.host}:{broker.port}, outbox {edge.outbox_path}"
    )
    for device in edge.devices:
        settings = device.settings
        where = settings.port or settings.topic
        zones = ", ".join(edge.place.zones_of(settings.id)) or f"line {settings.line or '1'}"
        print(f"  {settings.id}: {device.spec.title} on {where} → {zones}")
    wanted = edge.config.epc
    if not wanted.keeps_all:
        others = "kept" if wanted.keep_undecodable else "dropped"
        prefixes = ", ".join(wanted.company_prefixes) or "any"
        print(f"  tags: company prefix {prefixes}; those without a GS1 identity are {others}")


@edge_app.command("outbox")
def outbox(config: Path = CONFIG) -> None:
    """Say what waits in the outbox and which device inputs were refused.

    Example: shelfwise edge outbox --config edge.toml
    """
    edge = load_edge(config, os.environ)
    box = Outbox(edge.outbox_path, agent=edge.config.agent.id, bounds=edge.config.outbox)
    print(f"stream {box.stream}: {box.waiting} observations without receipt, next number {box.next_seq}")
    for at, device, reason, raw in box.dead_letters()[-REFUSED_SHOWN:]:
        print(f"  {at} {device} {reason} {raw[:24].hex().upper()}")
    box.close()
