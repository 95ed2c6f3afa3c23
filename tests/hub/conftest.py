"""Ledgers on SQLite and on PostgreSQL, and short ways to say what an edge sends."""

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from contract.messages import (
    AnyObservation,
    Receipt,
    TagArrived,
    decode_receipt,
    encode_envelope,
    encode_observation,
)
from hub.app import LocalHub

POSTGRESQL = Path("/usr/lib/postgresql")
T0 = 1_790_000_000_000


class Cluster:
    """A private PostgreSQL cluster on a socket in its own folder."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder, self._programs = folder, programs
        self._numbers = itertools.count(1)
        # PostgreSQL refuses to run as root; its folder then belongs to nobody.
        self._as = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._programs / program), *arguments]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        if self._as:
            os.chown(self._folder, 65534, 65534)
        self._run(
            "initdb",
            "-D",
            f"{self._folder}/db",
            "-U",
            "shelfwise",
            "-A",
            "trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        )
        options = f"-c listen_addresses='' -c unix_socket_directories={self._folder} -c fsync=off"
        self._run(
            "pg_ctl", "-D", f"{self._folder}/db", "-w", "-l", f"{self._folder}/log", "-o", options, "start"
        )

    def stop(self) -> None:
        self._run("pg_ctl", "-D", f"{self._folder}/db", "-w", "-m", "immediate", "stop")

    def new_database(self) -> str:
        name = f"hub{next(self._numbers)}"
        with psycopg.connect(
            host=str(self._folder), user="shelfwise", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        return f"postgresql://shelfwise@/{name}?host={self._folder}"


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[Cluster]:
    found = sorted(POSTGRESQL.glob("*/bin/initdb"))
    if not found:
        pytest.skip("MISSING COMPONENT: postgresql")
    folder = Path(tempfile.mkdtemp(prefix="shelfwise-pg-", dir="/tmp"))
    folder.chmod(0o755)
    cluster = Cluster(folder, found[-1].parent)
    cluster.start()
    yield cluster
    cluster.stop()
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "hub.db")
    cluster: Cluster = request.getfixturevalue("postgresql_cluster")
    return cluster.new_database()


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> int:
        return self.now


class Edge:
    """One stream of one agent, spoken straight into a hub."""

    def __init__(
        self, hub: LocalHub, *, store: str = "popup-1", agent: str = "pi-1", stream: str = "x1"
    ) -> None:
        self._hub = hub
        self.store = store
        self.topic = f"shelfwise/v1/{store}/{agent}/{stream}"
        self.next_seq = 1

    def send(self, *observations: AnyObservation | bytes, first: int | None = None) -> Receipt:
        lines = [one if isinstance(one, bytes) else encode_observation(one) for one in observations]
        start = self.next_seq if first is None else first
        if first is None:
            self.next_seq += len(lines)
        return self.raw(encode_envelope(start, lines, sent_at=T0))

    def raw(self, payload: bytes, leaf: str = "observations") -> Receipt:
        ((topic, answer),) = self._hub.deliver(f"{self.topic}/{leaf}", payload)
        assert topic == f"{self.topic}/receipt"
        return decode_receipt(answer)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub(database: str, clock: Clock) -> Iterator[LocalHub]:
    local = LocalHub(database, clock)
    yield local
    local.close()


@pytest.fixture
def sqlite_hub(tmp_path: Path, clock: Clock) -> Iterator[LocalHub]:
    local = LocalHub(tmp_path / "hub.db", clock)
    yield local
    local.close()


@pytest.fixture
def edge(hub: LocalHub) -> Edge:
    return Edge(hub)


@pytest.fixture
def edge_of() -> Callable[..., Edge]:
    return Edge


@pytest.fixture
def arrived() -> Callable[..., TagArrived]:
    """Return an arrival of the n-th plain tag."""

    def make(number: int, at: int = T0, zone: str = "shelf-a", **more: Any) -> TagArrived:
        return TagArrived(at=at, device="r-1", epc=f"E2{number:022X}", zone=zone, **more)

    return make


@pytest.fixture
def sqlite_hub_factory(tmp_path: Path, clock: Clock) -> Iterator[Callable[[], LocalHub]]:
    """Return a maker of fresh hubs, for tests that run many examples."""
    made: list[LocalHub] = []

    def make() -> LocalHub:
        made.append(LocalHub(tmp_path / f"hub-{len(made)}.db", clock))
        return made[-1]

    yield make
    for local in made:
        local.close()
