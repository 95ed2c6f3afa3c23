"""A scanner on a line: every symbol it reads is one code, once, also over a bad line."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.diagnosis import fits
from edge.drivers import driver
from edge.model import BarcodeRead, RejectRead
from firmware_sim.devices.barcode import BarcodeTwin
from firmware_sim.links.faults import FaultRates
from firmware_sim.links.memory import NullModem

SYMBOLS = [
    ("2112345678900", "E0", "02112345678900"),
    ("02345673", "E4", "00000002345673"),
    ("12312312312333", "I1", "12312312312333"),
    ("011231231231233310ABC123\x1d99TESTING", "d2", "12312312312333"),
    ("https://id.gs1.org/01/09521234543213/10/ABC123/21/12345", "Q1", "09521234543213"),
    ("TS-WHITE-L", "C0", "TS-WHITE-L"),
]


def host(**chosen):
    spec = driver("barcode")
    return spec.build("scan-1", msgspec.convert(chosen, spec.settings))


@pytest.mark.parametrize("ending", ["\r", "\n", "\r\n", "\t"])
def test_each_symbol_is_one_read(ending):
    twin = BarcodeTwin(ending=ending)
    line = NullModem(twin, host())
    reads = []
    for content, symbology, _ in SYMBOLS:
        assert twin.show(content, symbology, line.now)
        reads += line.run(500)
    assert [read.code for read in reads] == [code for _, _, code in SYMBOLS]
    assert all(isinstance(read, BarcodeRead) and read.device == "scan-1" for read in reads)


def test_the_same_symbol_held_up_is_read_once():
    twin = BarcodeTwin()
    line = NullModem(twin, host())
    reads = []
    for _ in range(10):
        twin.show("2112345678900", "E0", line.now)
        reads += line.run(200)
    assert len(reads) == 1
    assert twin.show("2112345678900", "E0", line.now + 1_000)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_scans_cut_and_glued_in_any_way_are_the_same_reads(seed):
    twin = BarcodeTwin(ending="\r\n")
    line = NullModem(twin, host(), up=FaultRates(max_chunk=7, glue=0.3), seed=seed)
    for content, symbology, _ in SYMBOLS:
        twin.show(content, symbology, line.now)
    assert [read.code for read in line.run(2_000)] == [code for _, _, code in SYMBOLS]


def test_scans_without_identifier_can_be_refused():
    twin = BarcodeTwin(identifiers=False)
    line = NullModem(twin, host(require_identifier=True))
    twin.show("2112345678900", "E0", line.now)
    (read,) = line.run(200)
    assert isinstance(read, RejectRead)
    assert (read.reason, read.detail) == ("unknown", "a scan without a symbology identifier")


def test_power_loss_forgets_what_was_about_to_leave():
    twin = BarcodeTwin()
    line = NullModem(twin, host())
    twin.show("2112345678900", "E0", line.now)
    twin.power_cycle(line.now)
    assert line.run(200) == []


def test_a_scale_is_not_taken_for_a_scanner():
    scale = b"S S     100.00 g\r\n" * 3
    assert any(isinstance(read, BarcodeRead) for read in host().receive(scale, 0))
    named = [fit.name for fit in fits(scale)]
    assert "mt_sics" in named
    assert "barcode" not in named
    assert [fit.name for fit in fits(b"]E02112345678900\r")] == ["barcode"]
