"""Run what the files say, natively: paths lead into a folder, ports are free ones, hosts are this machine."""

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from cli.broker import free_port

HOME = Path(__file__).parent.parent.parent
DOCKER = HOME / "docker"
BIN = Path(sys.executable).parent
PORTS = ("4222", "1883", "8222", "8080", "8501")


def instructions(dockerfile):
    """Return (instruction, argument) of every line; continuations joined, comments dropped."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line.strip()]


def interpolated(text):
    """Return a compose file's text with ${NAME:-default} resolved to the default."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


class Image:
    """What the last stage of a Dockerfile says about running it."""

    def __init__(self, role):
        self.dockerfile = DOCKER / f"{role}.Dockerfile"
        self.instructions = instructions(self.dockerfile)
        last = max(i for i, (word, _) in enumerate(self.instructions) if word == "FROM")
        self.final = self.instructions[last:]
        said = dict(self.final)
        self.entrypoint = json.loads(said["ENTRYPOINT"])
        self.command = json.loads(said["CMD"])
        self.health = json.loads(said["HEALTHCHECK"].split("CMD ", 1)[1])
        self.user = said["USER"]
        words = [word for name, rest in self.final if name == "ENV" for word in shlex.split(rest)]
        self.environment = dict(word.split("=", 1) for word in words)


class Place:
    """A folder and ports that stand for a machine's."""

    def __init__(self, folder):
        self.folder = folder
        self.ports = {port: str(free_port()) for port in PORTS}
        self.running = {}
        for name in ("etc", "var", "tmp"):
            (folder / name).mkdir()
        self._rules = {
            r"/etc/shelfwise": str(folder / "etc"),
            r"/var/lib/shelfwise": str(folder / "var"),
            r"/opt/shelfwise/bin": str(BIN),
            r"/opt/health\.py": str(DOCKER / "health.py"),
            r"/tmp\b": str(folder / "tmp"),
            r"\b0\.0\.0\.0\b": "127.0.0.1",
            r"(?<=//)(?:broker|hub)(?=:)|^broker$": "127.0.0.1",
            r"^python$": sys.executable,
            **{rf"\b{port}\b": own for port, own in self.ports.items()},
        }
        self._pattern = re.compile("|".join(f"({rule})" for rule in self._rules), re.MULTILINE)

    def here(self, text):
        """Return the text with everything mapped, in one pass."""
        own = list(self._rules.values())
        return self._pattern.sub(lambda match: own[match.lastindex - 1], text)

    def configure(self, *folders):
        """Copy configuration files; later folders win."""
        for folder in folders:
            for file in folder.iterdir():
                if file.is_file():
                    text = file.read_text(encoding="utf-8")
                    mapped = self.here(text) if file.suffix in (".toml", ".conf") else text
                    (self.folder / "etc" / file.name).write_text(mapped, encoding="utf-8")

    def start(self, name, command, environment):
        log = (self.folder / f"{name}.log").open("wb")
        own = {key: self.here(value) for key, value in environment.items()}
        # The broker's port is a setting of its own where the file says the standard one.
        self.running[name] = subprocess.Popen(
            [self.here(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "SHELFWISE_BROKER_PORT": self.ports["1883"], **own},
            cwd=self.folder,
            start_new_session=True,
        )
        log.close()

    def ask(self, command):
        """Run a command to its end and return its exit code."""
        return subprocess.run(
            [self.here(word) for word in command], capture_output=True, timeout=60, cwd=self.folder
        ).returncode

    def last_words(self, name):
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-3000:]

    def until(self, name, ask, within_s=60.0):
        """Wait until ``ask`` answers yes; fail when the program ends or the time is over."""
        deadline = time.monotonic() + within_s
        while not (answer := ask()):
            assert self.running[name].poll() is None, f"{name} ended: {self.last_words(name)}"
            assert time.monotonic() < deadline, f"{name} is still not well: {self.last_words(name)}"
            time.sleep(0.2)
        return answer

    def stop(self, name, within_s=15.0):
        """SIGTERM, and the exit code."""
        process = self.running.pop(name)
        process.terminate()
        try:
            return process.wait(within_s)
        finally:
            process.kill()

    def close(self):
        for name in [*reversed(self.running)]:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop(name, within_s=5)


@pytest.fixture(scope="session")
def image():
    return Image


@pytest.fixture(scope="session")
def compose():
    text = (DOCKER / "compose.yml").read_text(encoding="utf-8")
    return yaml.safe_load(interpolated(text))


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.close()
