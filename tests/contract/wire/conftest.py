"""Feeding codecs in pieces, shared by the tests of all of them."""

import pytest

from contract.wire.base import Reject


def _drain(codec):
    found = []
    while (item := codec.next_frame()) is not None:
        found.append(item)
    return found


@pytest.fixture(scope="session")
def read_all():
    """Return what a codec makes of chunks, the rest at closing included."""

    def read(codec, *chunks):
        found = []
        for chunk in chunks:
            codec.feed(chunk)
            found += _drain(codec)
        left = codec.close()
        return found if left is None else [*found, left]

    return read


@pytest.fixture(scope="session")
def reassembled():
    """Return the input again, from frames and rejects."""

    def join(found, encode):
        return b"".join(item.raw if isinstance(item, Reject) else encode(item) for item in found)

    return join


@pytest.fixture(scope="session")
def frames_of():
    """Return the frames without the rejects."""
    return lambda found: [item for item in found if not isinstance(item, Reject)]
