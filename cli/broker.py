"""The broker as a child program: nats-server with JetStream on disk and its MQTT listener."""

import shutil
import socket
import sys
from pathlib import Path
from typing import Final

from contract.errors import ConfigError

ENVIRONMENT: Final = {"GOGC": "300"}
"""Lets nats-server's heap grow to four times what is live before it is collected. With the default its few
live megabytes are collected every ten seconds into ever other pages, so that resident memory creeps up for
an hour; so it stands level after minutes, and the processor rests."""


def free_port() -> int:
    """Return a TCP port that is free on loopback now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Return whether something listens on a TCP port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def find_nats_server() -> str:
    """Return the nats-server of this environment, else the one on PATH.

    Raises:
        ConfigError: there is none.
    """
    own = Path(sys.executable).parent / "nats-server"
    found = str(own) if own.exists() else shutil.which("nats-server")
    if found is None:
        raise ConfigError(
            "nats-server is missing; install it with: pip install 'shelfwise[hub]' (x86_64, aarch64), or put one on PATH"
        )
    return found


def write_config(
    folder: Path, *, port: int, mqtt_port: int, host: str = "127.0.0.1", sync_always: bool = False
) -> Path:
    """Write nats-server's configuration into a folder and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    sync = "\n  sync_interval: always" if sync_always else ""
    file = folder / "nats.conf"
    file.write_text(
        f"""# One broker for the store: the hub reads JetStream, edge agents speak MQTT 3.1.1.
server_name: shelfwise
host: {host}
port: {port}
jetstream {{
  store_dir: "{folder / "jetstream"}"{sync}
}}
mqtt {{
  host: {host}
  port: {mqtt_port}
}}
""",
        encoding="utf-8",
    )
    return file
