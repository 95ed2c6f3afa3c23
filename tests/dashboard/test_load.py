"""Many viewers at protocol level: all keep their rate, and the server stays far from a full core."""

import subprocess
import sys
import time

import pytest

from cli.bench.dashboard import _counts, _listens, _measure, summary
from cli.bench.viewer import Looked
from cli.broker import free_port
from contract.errors import ConfigError

MOST_CPU = 0.5
"""With garbage collection after every run, ten viewers cost more than this; without, about a quarter of it."""


@pytest.mark.flow
def test_ten_viewers_keep_their_rate_below_half_a_core(fake_hub, tmp_path):
    port = free_port()
    command = [
        sys.executable,
        "-c",
        f"from dashboard.server import serve; serve({fake_hub.url!r}, port={port})",
    ]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not _listens(port):
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        found = _measure(f"ws://127.0.0.1:{port}", server.pid, 10, 5.0)
    finally:
        server.kill()
        server.wait()
    assert found["slowest_rate"] >= 0.9
    assert found["cpu_share"] < MOST_CPU
    assert 1 < found["payload_kb"] < 60
    # Ten viewers, one poller: the hub was asked about once a second.
    stock = sum(path.endswith("/stock") for path in fake_hub.asked)
    assert stock < 25


def test_summary_names_the_slowest_viewer():
    quick = Looked([0.01] * 10, [1000] * 10, wanted=10.0)
    slow = Looked([0.2] * 5, [3000] * 5, wanted=10.0)
    found = summary([quick, slow], 0.1234)
    assert found["slowest_rate"] == 0.5
    assert found["cpu_share"] == 0.123
    assert found["answer_p50_ms"] == 10.0
    assert found["answer_p95_ms"] == 200.0
    assert found["payload_kb"] == 1.7


def test_viewers_are_counted_in_words_people_understand():
    assert _counts("10,30") == [10, 30]
    for wrong in ("ten", "0", ""):
        with pytest.raises(ConfigError, match="--viewers"):
            _counts(wrong)
