"""The tutorial's commands are run, in order, in a shop that is running, and say what the page shows."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.store import LocalStore
from dashboard.client import HubUnreachableError

PAGE = (Path(__file__).parent.parent.parent / "docs" / "tutorial.md").read_text(encoding="utf-8")
BY_HAND = "## 7. The same shop by hand"
BLOCK = re.compile(r"^```bash\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.flow


def shows(line, output):
    """True when the output has a line with this in it; ``…`` stands for anything."""
    return re.search(".*".join(re.escape(part) for part in line.strip().split("…")), output) is not None


@pytest.fixture
def home(tmp_path):
    """A home folder; what was started in it and still runs is ended."""
    yield tmp_path
    for file in (tmp_path / "shelfwise-tutorial").glob("*.pid"):
        pid = int(file.read_text())
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            if Path(f"/proc/{pid}/cwd").readlink().is_relative_to(tmp_path):
                os.kill(pid, signal.SIGKILL)


def run_blocks(part, home, store):
    """Run every block of a part of the page and compare what it says with what the page shows."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    found = BLOCK.findall(part)
    for commands, shown in found:
        done = subprocess.run(
            ["bash", "-e", "-c", commands.replace("http://127.0.0.1:8080", store.url)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment,
            cwd=home,
            timeout=90,
        )
        assert done.returncode == 0, f"{commands}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"
        for line in shown.splitlines():
            assert shows(line, done.stdout), f"{commands}\nsaid\n{done.stdout}\nand not\n{line}"
    return len(found)


def wait_for_the_shelves(store):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        store.family.check()
        with contextlib.suppress(HubUnreachableError):
            lines = store.client.stock(store.store)["lines"]
            stocked = {zone["zone"] for line in lines for zone in line["zones"] if zone["units"]}
            unknown = any(line["sku"] is None and line["total"] for line in lines)
            if unknown and {"window", "shelf-a", "shelf-b"} <= stocked:
                return
        time.sleep(0.2)
    raise AssertionError("the shop's shelves were not seen within a minute")


def test_the_tutorial(home):
    if shutil.which("curl") is None:
        pytest.skip("MISSING COMPONENT: curl")
    with_demo, by_hand = PAGE.split(BY_HAND)
    store = LocalStore(home / "shelfwise-tutorial", "popup")
    store.write_history(seed=7)
    with store.family:
        store.start(noise=True, seed=7)
        wait_for_the_shelves(store)
        assert run_blocks(with_demo, home, store) >= 8
    store.client.close()
    assert run_blocks(by_hand, home, store) >= 6


def test_a_page_that_shows_something_else_would_be_found():
    assert shows('{"recorded":1,…', 'x\n{"recorded":1,"repeats":0}\n')
    assert not shows('{"recorded":1,…', '{"recorded":0,"repeats":1}\n')
    assert not shows("loaded", "nothing")


def test_every_box_is_run_shown_or_by_hand():
    kinds = re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)
    assert set(kinds) == {"bash", "text", "console"}
    assert len(BLOCK.findall(PAGE)) == kinds.count("bash")
    assert all(
        line.startswith("$ ")
        for box in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
        for line in box.splitlines()
    )
