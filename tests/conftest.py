"""Real brokers and a real database server for tests, each started on free ports and stopped by its pid.

A missing program skips with the words ``MISSING COMPONENT``, which the complete check turns into a failure.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# What a law says does not depend on how busy the machine is.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

START_S = 15.0


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.02)
    raise AssertionError(f"nothing listens on port {port}: {log.read_text(errors='replace')[-2000:]}")


class BrokerProcess:
    """A broker that can be killed and started again on the same ports and store."""

    def __init__(self, command: list[str], folder: Path, port: int, mqtt_port: int) -> None:
        self._command = command
        self.folder = folder
        self.port = port
        self.mqtt_port = mqtt_port
        self._log = folder / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self.folder)
        for port in {self.port, self.mqtt_port}:
            wait_for_port(port, self._process, self._log)

    def kill(self) -> None:
        """SIGKILL: nothing is flushed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None


def _program(name: str, *places: str) -> str:
    beside = Path(sys.executable).parent
    found = shutil.which(name, path=os.pathsep.join([str(beside), os.environ.get("PATH", ""), *places]))
    if found is None:
        pytest.skip(f"MISSING COMPONENT: {name}")
    return found


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[BrokerProcess]:
    program = _program("nats-server")
    folder = tmp_path / "nats"
    folder.mkdir()
    port, mqtt_port = find_free_port(), find_free_port()
    (folder / "nats.conf").write_text(
        f'host: 127.0.0.1\nport: {port}\nserver_name: test\njetstream {{ store_dir: "{folder / "store"}" }}\n'
        f"mqtt {{ host: 127.0.0.1, port: {mqtt_port} }}\n"
    )
    broker = BrokerProcess([program, "-c", str(folder / "nats.conf")], folder, port, mqtt_port)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def mosquitto_broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    program = _program("mosquitto", "/usr/sbin")
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    port = find_free_port()
    owner = pwd.getpwuid(os.getuid()).pw_name
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n"
        f"autosave_on_changes true\nautosave_interval 1\nmax_queued_messages 0\nuser {owner}\n"
    )
    broker = BrokerProcess([program, "-c", str(folder / "mosquitto.conf")], folder, port, port)
    broker.start()
    yield broker
    broker.stop()
