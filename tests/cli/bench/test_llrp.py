"""The LLRP scoreboard measures what it says, with readers and edge in processes of their own."""

import json
import subprocess
import sys

import pytest


@pytest.mark.flow
@pytest.mark.slow
def test_the_scoreboard_counts_every_read():
    command = [sys.executable, "-m", "cli.main", "bench", "llrp", "--readers", "2", "--reads-per-s", "200"]
    ran = subprocess.run(
        [*command, "--seconds", "3", "--json"], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads(ran.stdout)
    for tags_per_report in (1, 10):
        assert report[f"reads_per_s_{tags_per_report}"] == pytest.approx(400, rel=0.05)
        assert 0 < report[f"cpu_share_{tags_per_report}"] < 0.5
        assert report[f"ratio_{tags_per_report}"] > 1
    assert report["library_us_per_read"] > report["yardstick_us_per_read"] > 0
