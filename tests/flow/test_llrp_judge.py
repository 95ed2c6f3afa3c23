"""An LLRP client that is not ours, unmodified and in a process of its own, inventories the simulated reader."""

import json
import subprocess
from pathlib import Path

import pytest

from firmware_sim.devices.llrp import LlrpTwin, SteadyTags
from firmware_sim.links.llrp import LlrpLink

ROOT = Path(__file__).parents[2]
JUDGE = ROOT / ".venv-judges" / "bin" / "python"
PROGRAM = ROOT / "tests" / "judges" / "llrp_inventory.py"

pytestmark = pytest.mark.flow


@pytest.fixture
def judge():
    """Return the interpreter that has sllurp."""
    found = (
        JUDGE.exists()
        and not subprocess.run(
            [JUDGE, "-c", "import importlib.util as u, sys; sys.exit(u.find_spec('sllurp') is None)"]
        ).returncode
    )
    if not found:
        pytest.skip("MISSING COMPONENT: sllurp in .venv-judges (make tools)")
    return JUDGE


@pytest.mark.parametrize("fine", [True, False], ids=["impinj", "plain"])
def test_an_independent_client_reads_what_the_twin_sees(judge, fine):
    twin, steady = LlrpTwin(fine=fine), SteadyTags(500, tags=20)
    with LlrpLink(twin, feed=steady.seen) as link:
        ran = subprocess.run(
            [judge, PROGRAM, str(link.port), "5"], capture_output=True, text=True, timeout=60, check=False
        )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert 2_400 <= told["reads"] <= 2_600
    assert told["epcs"] == [f"E2{number:022X}" for number in range(20)]
    assert told["antennas"] == [1, 2, 3, 4]
    assert -75 <= told["rssi"] <= -54
    assert {"ChannelIndex", "FirstSeenTimestampUTC", "TagSeenCount"} <= set(told["fields"])
    assert not twin.dropped_reports
    assert not twin.transmitting, "the client left, and the reader stopped"
