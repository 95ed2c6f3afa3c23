"""Golden input and ready drivers for the driver tests."""

import json
from pathlib import Path

import msgspec
import pytest

from edge.drivers import driver
from edge.model import CountRead, TagRead, WeightRead

GOLDEN = Path(__file__).parents[2] / "golden"
SENSED = {"tag", "weight", "count"}


@pytest.fixture
def build():
    """Return a driver by name, with settings as configuration gives them, connected at 1000 ms."""

    def make(name, now=1_000, **settings):
        spec = driver(name)
        made = spec.build("dev-1", msgspec.convert(settings, spec.settings))
        made.connected(now)
        return made

    return make


@pytest.fixture(scope="session")
def golden_frames():
    """Return the golden inputs of a driver that say something sensed, one by one."""

    def load(name):
        wire = GOLDEN / "wire" / f"{name}.txt"
        found = []
        if wire.exists():
            for line in wire.read_text("utf-8").splitlines():
                text, arrow, expected = line.partition("=>")
                if arrow and not line.startswith("#") and '"kind":"reject"' not in expected:
                    found.append(bytes.fromhex(text))
        for path in sorted((GOLDEN / "payloads").glob(f"{name}_*.expected.json")):
            if SENSED & {item["kind"] for item in json.loads(path.read_text("utf-8"))["expected"]}:
                found.append(path.with_name(path.name.replace(".expected", "")).read_bytes())
        return found

    return load


@pytest.fixture(scope="session")
def sensed():
    """Keep the reads that say something about the store."""
    return lambda reads: [read for read in reads if isinstance(read, TagRead | WeightRead | CountRead)]
