"""Drivers to sit at the other end of a simulated line."""

import msgspec
import pytest

from edge.drivers import driver
from edge.model import CountRead, TagRead, WeightRead


@pytest.fixture(scope="session")
def host():
    """Return a driver by name with settings as configuration gives them."""

    def make(name, **settings):
        spec = driver(name)
        return spec.build("dev-1", msgspec.convert(settings, spec.settings))

    return make


@pytest.fixture(scope="session")
def sensed():
    """Keep the reads that say something about the store."""
    return lambda reads: [read for read in reads if isinstance(read, TagRead | WeightRead | CountRead)]
