"""What a codec knows at a glance is exactly what its careful way says, whatever bytes come."""

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.bench.fuzz import KINDS_OF_DIRT, golden_frames
from cli.drivers.conformance import build
from contract.wire import (
    hx711,
    impinj_json,
    kern,
    lines,
    llrp,
    m6e,
    milesight_json,
    milesight_lora,
    mt_sics,
    terabee,
    xovis_json,
    zebra_json,
)
from contract.wire.base import Codec, Reject
from contract.wire.hunting import HuntingCodec
from contract.wire.json_objects import JsonObjectCodec
from edge.drivers import drivers

GOLDEN = Path(__file__).parents[2] / "golden"
LISTENERS = {
    name: (lambda spec=spec: build(spec).fresh_codec()) for name, spec in drivers().items() if spec.streams
}
CODECS = {
    **LISTENERS,
    "m6e, both ways": m6e.M6eCodec,
    "m6e, the host's": lambda: m6e.M6eCodec("host"),
    "terabee with ids": lambda: terabee.TerabeeCodec(with_sensor_id=True),
    "mt_sics, strict": lambda: mt_sics.MtSicsCodec(strict_width=True),
    "kern, from the start": kern.KernCodec,
    "hx711, hanging": lambda: hx711.Hx711Codec(factor_g=-2.5),
    "llrp": llrp.LlrpCodec,
}
each_codec = pytest.mark.parametrize("name", CODECS)

TEXTS = [
    b"S S     100.00 g\r\n", b"S D      -5.0 kg\r\n", b"S S 9999999999 g\r\n", b"S S 99999.5 kg\r\n", b"S S 1,5 g\r\n",
    b"S S" + b" " * 130 + b"1.5 g\r\n", b"S S   -0.0 g\r\n", b"S S  12.5 g\n", b"S S  12. g\r\n", b"S S  - 1.5 g\r\n",
    b"ST,+00123.45  g\r\n", b"US,-00000.00 kg\r\n", b"ST,+123456789 g\r\n", b"ST,+0012 g\r\n", b"ST,+00123.45, g\r\n",
    b"        0.00 g     \r\n", b"        1.640 kg    N\r\n", b"     -12.73 g    ? NET\r\n", b" 1.5 g\r\n", b"   12.73 mg ?G\r\n",
    b"     12.73 g S\r\n", b"    1.273kg U\r\n", b"-    12.73 g S\r\n", b"   12.73 g S\r\n", b"     12.73 g E\r\n", b"   99999.9kg S\r\n",
    b"12.34\r\n", b"Load_cell output val: -217.3\r\n", b"Weight:" + b" " * 130 + b"5\r\n", b"Weight: 5 kg\r\n", b"5 lb\r\n", b"1<w>2\r\n",
    b"]E02112345678900\r", b"]E02112345678901\r", b"]E02112345678900\r\n", b"]E0211234567890\r", b"\n", b"2112345678900\r",
    b"\x01\xff", b"\r\n", b"\r", b"x" * 130,
]  # fmt: skip
EVENTS = [
    b'{"type":"SIMPLE","data":{"idHex":"e280"}}', b'[{"data":{"idHex":"E280","reads":0},"type":"SIMPLE"},', b'{"type":"CUSTOM","data":{}}',
    b'{"type":"SIMPLE","data":{"idHex":"e2\\u0038\\u0030","TID":"zz"}}', b'{"type":"SIMPLE","data":{"idHex":"e280","more":1e999}}',
    b'{"type":"\xff","data":{"idHex":"e280"}}', b'{"type":"SIMPLE","data":{"idHex":"e280"},"timestamp":"}{"}', b'{"a":{"b":[1,{"c":2}]}}',
    b'{"type":"SIMPLE","data":{"idHex":"e280"}]', b'{"type":"SIMPLE"}}', b" " * 300, b'{"type":', b'{"a":1 2}', b'{"a" :{"b": tru',
]  # fmt: skip


def frames_for(name):
    """Return what the protocol's own line carries, and lines and events that are nearly common."""
    base = name.split(",")[0].split(" with")[0]
    spec = drivers()[base]
    frames = [*spec.examples, *golden_frames(GOLDEN, base)]
    if base == "llrp":
        frames += [llrp.encode(llrp.Message(kind, 7, b"\x01\xbb" * 9)) for kind in (61, 62, 63, 999)]
    codec = CODECS[name]()
    if isinstance(codec, lines.LineCodec):
        frames += TEXTS
    if isinstance(codec, JsonObjectCodec):
        frames += EVENTS
    return frames


FRAMES = {name: frames_for(name) for name in CODECS}


def account(codec, chunks):
    """Return every frame and reject, and where each ends."""
    found, fed = [], 0
    for chunk in chunks:
        codec.feed(chunk)
        fed += len(chunk)
        while (item := codec.next_frame()) is not None:
            found.append((fed - codec.waiting, item))
    return [*found, (fed, codec.close())]


def careful(name):
    codec = CODECS[name]()
    codec._quick = lambda: None
    return codec


def in_pieces(data, random):
    at = 0
    while at < len(data):
        size = random.choice((1, 7, 50, 512, 4096))
        yield data[at : at + size]
        at += size


@each_codec
@settings(deadline=None, max_examples=200)
@given(seed=st.integers(0, 2**32))
def test_a_glance_and_care_say_the_same(name, seed):
    random, frames = Random(seed), FRAMES[name]
    pieces = [
        random.choice(KINDS_OF_DIRT)(random, frames) if random.random() < 0.4 else random.choice(frames)
        for _ in range(random.randint(1, 20))
    ]
    chunks = [*in_pieces(b"".join(pieces), random)]
    assert account(CODECS[name](), chunks) == account(careful(name), chunks)


@pytest.mark.parametrize(
    "name", ["m6e", "m100", "r2000", "chafon18", "chafon288", "terabee", "modbus_counter"]
)
def test_every_changed_bit_of_the_common_frame_is_judged_alike(name):
    for frame in drivers()[name].examples:
        for bit in range(8 * len(frame)):
            changed = bytearray(frame)
            changed[bit // 8] ^= 1 << bit % 8
            chunks = [bytes(changed), frame]
            assert account(CODECS[name](), chunks) == account(careful(name), chunks)


@each_codec
def test_a_glance_changes_nothing_and_is_right_about_the_size(name):
    """Nearly every codec knows at least one of its golden frames, or this test would show nothing."""
    known = 0
    for frame in FRAMES[name]:
        codec = CODECS[name]()
        codec.feed(frame)
        before = {key: bytes(value) if key == "_buffer" else value for key, value in vars(codec).items()}
        glance = codec._quick()
        assert {
            key: bytes(value) if key == "_buffer" else value for key, value in vars(codec).items()
        } == before
        if glance is None or getattr(codec, "_torn", False):
            continue
        known += 1
        by_care = careful(name)
        by_care.feed(frame)
        assert by_care.next_frame() == glance[0]
        assert by_care.waiting == len(frame) - glance[1]
    has_glance = type(CODECS[name]())._quick is not Codec._quick
    assert not has_glance or known or name in ("m6e, the host's", "hx711", "kern")


def test_every_codec_of_frames_with_a_check_knows_its_common_frame_at_a_glance():
    hunting = {type(make()) for make in LISTENERS.values() if isinstance(make(), HuntingCodec)}
    assert {kind.__name__ for kind in hunting if kind._quick is Codec._quick} == set()


PAYLOADS = {
    "impinj_r700": (impinj_json, impinj_json.parse_payload, b'{"eventType":"tagInventory","tagInventoryEvent":{"epc":"\xc3\xa9"}}'),
    "xovis": (xovis_json, xovis_json.parse_payload, b'{"logics_data":{"logics":[{"records":[{"to":"2026/03/12 12:00:00","counts":[{"name":"FW","value":2.0},{"name":"balance"}]}]}]}}'),
    "milesight": (milesight_json, milesight_json.parse_payload, b'{"device_info":{},"line_total_data":[{"total":{"in":-1,"out":1e999}}],"x":1e999}'),
    "milesight_lora": (milesight_lora, milesight_lora.parse_payload, milesight_lora.encode_totals(1, 2, line=4)),
}  # fmt: skip


@pytest.mark.parametrize("name", PAYLOADS)
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_payloads_mean_the_same_at_a_glance(monkeypatch, name, seed):
    module, parse, odd = PAYLOADS[name]
    golden = [
        path.read_bytes()
        for path in sorted((GOLDEN / "payloads").glob(f"{name}*[a-z0-9].json"))
        if "expected" not in path.name
    ]
    known = [*drivers()[name].examples, *golden, odd]
    random = Random(seed)
    payload = random.choice(KINDS_OF_DIRT)(random, known) if random.random() < 0.7 else random.choice(known)
    at_a_glance = parse(payload)
    with monkeypatch.context() as patched:
        patched.setattr(module, "_quick", lambda *_, **__: None)
        assert parse(payload) == at_a_glance


@pytest.mark.parametrize("name", PAYLOADS)
def test_common_payloads_are_known_at_a_glance(monkeypatch, name):
    module, parse, _ = PAYLOADS[name]
    seen, quick = [], module._quick
    monkeypatch.setattr(
        module, "_quick", lambda *values, **named: seen.append(quick(*values, **named)) or seen[-1]
    )
    for example in drivers()[name].examples:
        parse(example)
    assert [glance for glance in seen if glance is not None]


events = st.fixed_dictionaries(
    {},
    optional={
        "eventType": st.sampled_from(["tagInventory", "other"]),
        "timestamp": st.sampled_from(["2024-05-01T10:00:00.123Z", "1969-12-31T23:59:59Z", "2024", "x" * 300]),
        "more": st.just(1),
        "tagInventoryEvent": st.fixed_dictionaries(
            {},
            optional={
                "epc": st.sampled_from(
                    ["4oARYGAAAgAAAAAA", "4oARkaUDAGXybMv_", "4oARkaUDAGXybMv/", "!", "é", "4o=A"]
                ),
                "epcHex": st.sampled_from(["E28011606000020000000000", "e280", "e28", "zz"]),
                "antennaPort": st.sampled_from([1, 0, 1.0, "1"]),
                "antennaName": st.just("door"),
                "tid": st.none(),
            },
        ),
    },
)


@settings(deadline=None)
@given(event=events)
def test_a_plain_impinj_event_means_the_same_at_a_glance(event):

    payload = json.dumps(event).encode()
    quick = impinj_json._quick(payload)
    slow = impinj_json._parse_event(json.loads(payload))
    if quick is not None:
        assert quick == slow
    assert quick is None or not isinstance(slow, Reject)


def test_plain_events_are_known_at_a_glance():
    assert impinj_json._quick(drivers()["impinj_r700"].examples[0]) is not None
    codec = zebra_json.ZebraCodec()
    codec.feed(drivers()["zebra"].examples[0])
    assert codec._quick() is not None
