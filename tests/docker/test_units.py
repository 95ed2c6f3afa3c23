"""The systemd units: sound by systemd's own word, closed, and their programs say that they are ready."""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent.parent
UNITS = HOME / "docker" / "systemd"
NAMES = ("broker", "hub", "edge", "dashboard")
EXPOSURE = 20
"""Of 100, as systemd-analyze counts; a unit without any of the directives has 96."""


def directives(name):
    """Return (key, value) of a unit, in order."""
    lines = (UNITS / f"shelfwise-{name}.service").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("=", 1)) for line in lines if "=" in line and not line.startswith("#")]


def environment(name):
    words = [word for key, value in directives(name) if key == "Environment" for word in value.split()]
    return dict(word.split("=", 1) for word in words)


def said(name):
    return dict(directives(name))


def analyze(*arguments):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("MISSING COMPONENT: systemd-analyze")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture
def copies(tmp_path):
    """The units with programs that exist, as systemd-analyze wants it."""
    for file in UNITS.glob("*.service"):
        (tmp_path / "shelfwise").write_text("#!/bin/sh\n")
        (tmp_path / "shelfwise").chmod(0o755)
        shutil.copy(tmp_path / "shelfwise", tmp_path / "nats-server")
        text = file.read_text(encoding="utf-8").replace("/opt/shelfwise/bin", str(tmp_path))
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    return tmp_path


def test_there_is_a_unit_for_every_program():
    assert {file.name for file in UNITS.glob("*.service")} == {f"shelfwise-{name}.service" for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_systemd_finds_nothing_wrong(copies, name):
    done = analyze("verify", "--man=no", str(copies / f"shelfwise-{name}.service"))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_mistake_would_be_found(copies):
    unit = copies / "shelfwise-hub.service"
    unit.write_text(unit.read_text().replace("Restart=always", "Restrat=always"))
    assert "Restrat" in analyze("verify", "--man=no", str(unit)).stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_exposes_little(copies, name):
    unit = str(copies / f"shelfwise-{name}.service")
    done = analyze("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}", unit)
    assert done.returncode == 0, done.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_comes_back_and_is_no_root(name):
    unit = said(name)
    assert unit["Restart"] == "always"
    assert unit["StartLimitIntervalSec"] == "0"
    assert unit["User"] == "shelfwise"
    assert unit["ProtectSystem"] == "strict"
    assert unit["MemoryMax"]


def test_only_the_agent_sees_devices_and_only_serial_ones():
    assert all(said(name)["PrivateDevices"] == "yes" for name in ("broker", "hub", "dashboard"))
    allowed = [value for key, value in directives("edge") if key == "DeviceAllow"]
    assert allowed
    assert all(value.startswith("char-tty") for value in allowed)
    assert said("edge")["SupplementaryGroups"] == "dialout"


def test_a_wrong_configuration_is_not_started_for_ever(place):
    """The program ends with the code that keeps systemd from trying again."""
    (place.folder / "etc" / "edge.toml").write_text('[agent]\nid = "pi-1"\n')
    code = place.ask(said("edge")["ExecStart"].split())
    assert code == int(said("edge")["RestartPreventExitStatus"]) == 2


@pytest.mark.flow
def test_what_the_units_start_runs_says_ready_and_ends(place, image):
    """ExecStart as written, natively, with a socket in systemd's place."""
    place.configure(HOME / "docker" / "config", UNITS / "config")
    for name in NAMES:
        unit = said(name)
        (place.folder / "var" / unit["StateDirectory"].removeprefix("shelfwise/")).mkdir()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            address = f"@shelfwise-{place.folder.name}-{place.ports['8080']}-{name}"
            line.bind(address.replace("@", "\0", 1))
            line.settimeout(60)
            own = {**environment(name), "NOTIFY_SOCKET": address, "WATCHDOG_USEC": "400000"}
            place.start(name, unit["ExecStart"].split(), own)
            if unit["Type"] == "notify":
                assert line.recv(100).startswith(b"READY=1"), name
            if name == "edge":
                assert line.recv(100) == b"WATCHDOG=1"
        if name != "edge":
            health = image(name).health
            place.until(name, lambda health=health: place.ask(health) == 0)
    for name in reversed(NAMES):
        assert place.stop(name) == 0, place.last_words(name)
    assert (place.folder / "var" / "hub" / "hub.db").exists()
    assert (place.folder / "var" / "edge" / "outbox.db").exists()


def test_the_watchdog_is_set_where_the_program_beats():
    for name in NAMES:
        assert ("WatchdogSec" in said(name)) == (said(name)["Type"] == "notify")


def test_the_agents_sample_names_ports_by_id():
    ports = [
        line
        for line in (UNITS / "config" / "edge.toml").read_text().splitlines()
        if line.startswith('port = "')
    ]
    assert len(ports) == 3
    assert all("/dev/serial/by-id/" in port for port in ports)
