"""What every driver keeps, whatever its device: parametrised over all drivers there are."""

import msgspec
import pytest

from contract.wire import m100, mt_sics, terabee
from edge.drivers import driver, drivers
from edge.model import Driver, DriverSpec, RejectRead, StatusRead

NAMES = sorted(drivers())
SERIAL = [name for name in NAMES if "serial" in drivers()[name].transports]
HOLDING = ("impinj_r700", "m100", "mt_sics", "terabee")
"""Drivers with golden input in this repository's format."""

HOLDING_SERIAL = [name for name in HOLDING if name in SERIAL]
NOISE = b"\x01\xff\x80\x00\x03"
UNKNOWN = {
    "m100": m100.encode(m100.Response(0x99, b"\x00")),
    "mt_sics": mt_sics.request("SIR"),
    "terabee": terabee.encode(terabee.Command(terabee.RESET_COUNTERS)),
}


def received(host, *chunks, now=1_000):
    return [read for chunk in chunks for read in host.receive(chunk, now)]


@pytest.mark.parametrize("name", NAMES)
def test_the_declaration_is_complete(name):
    spec = drivers()[name]
    assert isinstance(spec, DriverSpec)
    assert spec.name == name == name.lower().replace("-", "_")
    assert spec.title
    assert spec.notes
    assert spec.silent_after_ms >= 1_000
    assert spec.settings.__struct_config__.frozen
    assert ("serial" in spec.transports) == (spec.baud is not None)
    assert driver(name.replace("_", "-")) is spec


@pytest.mark.parametrize("name", NAMES)
def test_default_settings_build_a_driver(build, name):
    assert isinstance(build(name), Driver)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_setting_is_refused(name):
    with pytest.raises(msgspec.ValidationError, match="no_such_setting"):
        msgspec.convert({"no_such_setting": 1}, drivers()[name].settings)


@pytest.mark.parametrize("name", HOLDING)
def test_golden_input_gives_reads_of_this_device_at_this_time(build, golden_frames, sensed, name):
    reads = sensed(received(build(name), *golden_frames(name), now=5_000))
    assert reads
    assert {read.device for read in reads} == {"dev-1"}
    if name in HOLDING_SERIAL:
        assert {read.at for read in reads} == {5_000}


@pytest.mark.parametrize("name", HOLDING_SERIAL)
def test_chunks_do_not_matter(build, golden_frames, sensed, name):
    frames = golden_frames(name)
    wanted = sensed(received(build(name), *frames))
    stream = b"".join(frames)
    assert sensed(received(build(name), stream)) == wanted
    assert sensed(received(build(name), *[bytes([byte]) for byte in stream])) == wanted
    assert sensed(received(build(name), *[stream[at : at + 7] for at in range(0, len(stream), 7)])) == wanted


@pytest.mark.parametrize("name", HOLDING_SERIAL)
def test_noise_between_frames_changes_no_read_and_is_reported(build, golden_frames, sensed, name):
    frames = golden_frames(name)
    wanted = sensed(received(build(name), *frames))
    reads = received(build(name), *[NOISE + frame for frame in frames])
    assert sensed(reads) == wanted
    assert sum(isinstance(read, RejectRead) for read in reads) >= len(frames)


@pytest.mark.parametrize("name", HOLDING_SERIAL)
def test_a_truncated_frame_is_reported_when_the_line_closes(build, golden_frames, sensed, name):
    frame = golden_frames(name)[0]
    host = build(name)
    assert sensed(received(host, frame[:-1])) == []
    left = host.disconnected(2_000)
    assert [(read.reason, read.raw, read.at) for read in left] == [("truncated", frame[:-1], 2_000)]
    assert host.disconnected(2_000) == []


@pytest.mark.parametrize("name", HOLDING_SERIAL)
def test_a_reconnect_forgets_half_a_frame(build, golden_frames, sensed, name):
    frames = golden_frames(name)
    wanted = sensed(received(build(name), *frames, now=3_000))
    host = build(name)
    received(host, frames[0][:-2])
    host.disconnected(2_000)
    host.connected(3_000)
    assert sensed(received(host, *frames, now=3_000)) == wanted


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_an_unknown_frame_is_counted(build, name):
    (read,) = received(build(name), UNKNOWN[name])
    assert (read.reason, read.raw) == ("unknown", UNKNOWN[name])
    assert read.detail


@pytest.mark.parametrize("name", NAMES)
def test_no_bytes_raise(build, name):
    host = build(name)
    for now in range(0, 3_000, 50):
        host.poll(now)
        host.receive(bytes((now * byte) % 251 for byte in range(64)), now)
    assert isinstance(host.disconnected(3_000), list)


@pytest.mark.parametrize("name", NAMES)
def test_an_action_it_cannot_do_is_refused_in_a_sentence(build, name):
    class Unheard(msgspec.Struct):
        """An action that no device has."""

    assert build(name).act(Unheard(), 1_000) == "this device does not know Unheard"


def test_statuses_are_not_errors_by_default(build):
    (read,) = build("terabee").receive(terabee.encode(terabee.Distance(1, 2)), 1_000)
    assert read == StatusRead(device="dev-1", at=1_000, what="alive", detail="distances")
