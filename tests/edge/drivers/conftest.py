"""Golden input and ready drivers for the driver tests."""

import msgspec
import pytest

from edge.drivers import driver
from edge.model import BarcodeRead, CountRead, TagRead, WeightRead


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
def sensed():
    """Keep the reads that say something about the store."""
    return lambda reads: [
        read for read in reads if isinstance(read, TagRead | WeightRead | CountRead | BarcodeRead)
    ]
