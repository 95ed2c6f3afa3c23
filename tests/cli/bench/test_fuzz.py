"""Dirty lines: the laws hold for every codec there is, and a codec that breaks one is found."""

from math import comb
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.bench.fuzz import (
    binomial_bound,
    decoder_inputs,
    fuzz_codec,
    fuzz_decoder,
    fuzz_payloads,
    golden_frames,
    single_frames,
)
from cli.decoding import protocols
from contract.wire.base import Codec, Reject
from edge.driver import DriverSpec, StreamDriver
from edge.drivers import drivers
from edge.model import WeightRead

GOLDEN = Path(__file__).parents[2] / "golden"
BYTES = 60_000
SEED = 20261124


@pytest.mark.parametrize("name", sorted(drivers()))
def test_a_dirty_line_breaks_no_law(name):
    spec = drivers()[name]
    if spec.streams:
        frames = single_frames(spec, [*spec.examples, *golden_frames(GOLDEN, name)])
        outcome = fuzz_codec(spec, SEED, BYTES, frames)
        assert outcome.frames > BYTES / 500
    else:
        outcome = fuzz_payloads(spec, SEED, BYTES, spec.examples)
    print(msgspec.to_builtins(outcome))
    assert outcome.good, outcome


@pytest.mark.parametrize("name", sorted(protocols()))
def test_a_dirty_capture_is_decoded_or_refused(name):
    outcome = fuzz_decoder(name, SEED, BYTES // 2, decoder_inputs(name, GOLDEN))
    assert outcome.good, outcome


@given(st.integers(1, 300), st.floats(0.001, 0.3), st.sampled_from([1e-2, 1e-4, 1e-6]))
def test_the_bound_is_that_of_the_binomial_distribution(tries, probability, chance):
    def more_than(k):
        return sum(
            comb(tries, n) * probability**n * (1 - probability) ** (tries - n)
            for n in range(k + 1, tries + 1)
        )

    bound = binomial_bound(tries, probability, chance)
    assert more_than(bound) <= chance * 1.001
    assert bound == 0 or more_than(bound - 1) >= chance * 0.999


class Report(msgspec.Struct, frozen=True):
    """Four bytes."""


class BadCodec(Codec[Report]):
    """Frames of 0xC5, two bytes and their sum, broken in one way.

    ``loose`` takes any sum, ``greedy`` takes the next frame for part of a bad one, ``leaky`` loses a byte,
    ``raising`` raises.
    """

    max_frame = 4
    check_bits = 8

    def __init__(self, flaw):
        super().__init__()
        self._flaw = flaw

    def _take(self):
        if self._buffer[0] != 0xC5:
            if self._flaw == "leaky":
                self._cut(1)
                return Reject("noise", b"")
            return self._skip(1, "noise")
        if len(self._buffer) < 4:
            return None
        if sum(self._buffer[1:3]) & 0xFF == self._buffer[3] or self._flaw == "loose":
            self._cut(4)
            return Report()
        if self._flaw == "raising":
            raise ValueError("a bad sum")
        return self._skip(40 if self._flaw == "greedy" else 1, "checksum")


def a_driver(flaw):
    class Settings(msgspec.Struct, frozen=True):
        pass

    class Host(StreamDriver):
        def _codec_for_line(self):
            return BadCodec(flaw)

        def _take(self, frame, now):
            return [WeightRead(device=self._device, at=now, weight_g=1.0, stable=True)]

    return DriverSpec(
        name="bad", title="t", kind="scale", transports=("tcp",), protocol="p", settings=Settings,
        build=lambda device, settings: Host(device), examples=(b"\xc5\x01\x02\x03", b"\xc5\xc5\x01\xc6"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("flaw", "found"),
    [
        ("none", set()),
        ("greedy", {"late"}),
        ("leaky", {"failures", "sums"}),
        ("raising", {"failures"}),
    ],
)
def test_each_flaw_is_found(flaw, found):
    spec = a_driver(flaw)
    outcome = fuzz_codec(spec, SEED, BYTES, spec.examples)
    broken = set()
    if outcome.late:
        broken.add("late")
    if outcome.failures:
        broken.add("failures")
    if outcome.fed != outcome.framed + outcome.refused:
        broken.add("sums")
    assert found <= broken
    assert outcome.good == (not found)


def test_a_sum_that_is_not_checked_is_beyond_the_bound():
    spec = a_driver("loose")
    outcome = fuzz_codec(spec, SEED, BYTES, spec.examples)
    assert outcome.false_frames > (outcome.bound or 0)
