"""Payloads of Xovis, Milesight and Roode: meaning, names and times, hostile input."""

import json
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.ids import parse_slug
from contract.wire import counting, milesight_json, milesight_lora, roode, xovis_json
from contract.wire.base import MAX_REJECT_BYTES, Reject
from contract.wire.counting import LineCount, Package, Word

PARSERS = {
    "xovis": xovis_json.parse_payload,
    "milesight": milesight_json.parse_payload,
    "milesight_lora": milesight_lora.parse_payload,
    "roode": roode.parse_capture,
}
NOON = 1_773_316_800_000
U32 = st.integers(0, 2**32 - 1)
U16 = st.integers(0, 2**16 - 1)
lines = st.integers(1, 4)


def dumped(value):
    return json.dumps(value).encode()


def counts(found):
    return [item for item in found if isinstance(item, LineCount)]


def logics(*logics, package=None, **extra):
    package = {"version": "5.0", "id": 41, "agent_id": 1000} if package is None else package
    return {"logics_data": {"package_info": package, "logics": list(logics), **extra}}


def logic(
    name="Main Entrance", fw=4, bw=2, since="2026-03-12T11:59:00Z", until="2026-03-12T12:00:00Z", number=1
):
    figures = [{"id": 1, "name": "fw", "value": fw}, {"id": 2, "name": "bw", "value": bw}]
    return {"id": number, "name": name, "records": [{"from": since, "to": until, "counts": figures}]}


def report(**blocks):
    return dumped({"device_info": {"device_sn": "6537F28545220003"}, **blocks})


def line(number=1, **total):
    return {"line": number, "line_name": f"Line{number}", "total": total}


# --- Xovis -------------------------------------------------------------------------------------------------


def test_an_interval_of_a_logic():
    package, interval = xovis_json.parse_payload(dumped(logics(logic())))
    assert package == Package("None/1000", 41)
    assert interval == LineCount(
        line="main-entrance",
        entered=4,
        left=2,
        cumulative=False,
        since="2026-03-12T11:59:00Z",
        until="2026-03-12T12:00:00Z",
        to_ms=NOON,
        report="logic-1/2026-03-12T11:59:00Z/2026-03-12T12:00:00Z",
    )


@pytest.mark.parametrize(
    "until", [NOON, NOON // 1000, "2026-03-12T12:00:00Z", "2026-03-12T13:00:00.000+01:00"]
)
def test_times_may_be_text_seconds_or_milliseconds(until):
    assert counts(xovis_json.parse_payload(dumped(logics(logic(until=until)))))[0].to_ms == NOON


def test_logics_whose_names_meet_in_one_line_stay_two_reports():
    found = counts(xovis_json.parse_payload(dumped(logics(logic("Door 1"), logic("door_1", number=2)))))
    assert [item.line for item in found] == ["door-1", "door-1"]
    assert len({item.report for item in found}) == 2


def test_a_package_sent_again_under_another_number_is_the_same_report():
    numbers = [{"version": "5.0", "id": number} for number in (41, 42)]
    found = [
        counts(xovis_json.parse_payload(dumped(logics(logic(), package=number))))[0] for number in numbers
    ]
    assert found[0].report == found[1].report


def test_without_an_interval_the_package_tells_reports_apart():
    found = counts(xovis_json.parse_payload(dumped(logics(logic(since=None)))))
    assert found[0].report == "logic-1/1000/41"


def test_crossings_of_live_data_count_nobody():
    frame = {"time": NOON, "tracked_objects": [], "events": [{"type": "LINE_CROSS"}] * 3}
    found = xovis_json.parse_payload(dumped([{"live_data": {"package_info": {"id": 7}, "frames": [frame]}}]))
    assert found == [Word("live", "1 frames, 3 events")]


def test_several_envelopes_and_a_bad_one_among_them():
    found = xovis_json.parse_payload(dumped([logics(logic()), {"nonsense": 1}, {"connection_test": {}}]))
    assert [type(item) for item in found] == [Package, LineCount, Reject, Word]
    assert (found[2].reason, found[2].raw) == ("value", b'{"nonsense":1}')


@pytest.mark.parametrize(
    "spoil",
    [
        {"fw": -1},
        {"fw": 1.5},
        {"fw": 2**60},
        {"fw": "4"},
        {"name": 7},
        {"since": ["2026"]},
    ],
)
def test_a_figure_that_is_no_number_of_people_is_refused(spoil):
    (reject,) = xovis_json.parse_payload(dumped(logics(logic(**spoil))))
    assert reject.reason == "value"
    assert reject.detail


def test_older_firmware_is_refused():
    (reject,) = xovis_json.parse_payload(dumped(logics(logic(), package={"version": "4.0", "id": 1})))
    assert "expected firmware 5" in reject.detail


def test_envelopes_are_bounded():
    found = xovis_json.parse_payload(dumped([{"connection_test": {}}] * 150))
    assert len(found) == 101
    assert "50 are left unread" in found[-1].detail


# --- Milesight JSON ----------------------------------------------------------------------------------------


def test_of_three_blocks_the_totals_count():
    found = milesight_json.parse_payload(
        report(
            line_periodic_data=[line(**{"in": 5, "out": 7})],
            line_trigger_data=[line(**{"in": 27, "out": 28})],
            line_total_data=[line(in_counted=8442, out_counted=15583, capacity_counted=-7141)],
        )
    )
    assert [(item.entered, item.left, item.cumulative, item.preference) for item in found] == [
        (8442, 15583, True, 2)
    ]


@pytest.mark.parametrize(
    ("trigger_totals", "cumulative", "report_id"),
    [(True, True, None), (False, False, "6537F28545220003/None/2024-05-30T20:11:32+08:00")],
)
def test_what_a_trigger_means_is_a_choice(trigger_totals, cumulative, report_id):
    raw = report(
        line_trigger_data=[line(3, **{"in": 1, "out": 0})], time_info={"time": "2024-05-30T20:11:32+08:00"}
    )
    (item,) = milesight_json.parse_payload(raw, trigger_totals=trigger_totals)
    assert (item.line, item.entered, item.left, item.cumulative) == ("3", 1, 0, cumulative)
    assert (item.report, item.preference) == (report_id, 1)


@pytest.mark.parametrize(
    ("start", "end", "zone"),
    [
        ("2026-03-12T12:59:00+01:00", "2026-03-12T13:00:00+01:00", "UTC+8:00 China Standard Time (CT/CST)"),
        ("2026/03/12 19:59:00", "2026/03/12 20:00:00", "UTC+8:00"),
        ("2026-03-12 11:59:00", "2026-03-12 12:00:00", "UTC-0:00 WET/GMT"),
    ],
)
def test_intervals_have_times_in_all_spellings(start, end, zone):
    times = {"start_time": start, "end_time": end, "time_zone": zone}
    (item,) = milesight_json.parse_payload(
        report(line_periodic_data=[line(**{"in": 5, "out": 7})], time_info=times)
    )
    assert (item.to_ms, item.since, item.until) == (NOON, start, end)


def test_occupancy_and_regions_are_statuses():
    found = milesight_json.parse_payload(
        report(current_total=3, Max_counted=5, alarm_data=[{}], region_count_data=[])
    )
    assert found == [Word("alarm_data"), Word("occupancy", "current_total 3, max_counted 5")]
    assert milesight_json.parse_payload(report()) == [Word("alive", "no lines and no regions")]


@pytest.mark.parametrize(
    "payload",
    [
        b"{}",
        b"[]",
        b"null",
        report(line_total_data=[{"line": 1}]),
        report(line_total_data=[line(in_counted=-1)]),
        report(line_total_data=[line(-1, in_counted=1)]),
    ],
)
def test_reports_that_are_refused(payload):
    (reject,) = milesight_json.parse_payload(payload)
    assert reject.reason == "value"


# --- Milesight LoRaWAN -------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.tuples(lines, U32, U32), max_size=4, unique_by=lambda each: each[0]))
def test_totals_survive(sent):
    raw = b"".join(milesight_lora.encode_totals(entered, left, line=number) for number, entered, left in sent)
    if raw:
        assert [
            (item.line, item.entered, item.left) for item in counts(milesight_lora.parse_payload(raw))
        ] == [(str(number), entered, left) for number, entered, left in sorted(sent)]


@settings(deadline=None)
@given(lines, U16, U16)
def test_an_interval_counts_where_there_are_no_totals(number, entered, left):
    interval = milesight_lora.encode_interval(entered, left, line=number)
    (item,) = milesight_lora.parse_payload(interval)
    assert (item.line, item.entered, item.left, item.cumulative) == (str(number), entered, left, False)
    both = milesight_lora.parse_payload(interval + milesight_lora.encode_totals(1, 2, line=number))
    assert [(item.entered, item.cumulative) for item in both] == [(1, True)]


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=60))
def test_every_byte_of_an_uplink_is_a_value_or_refused(content):
    values, rest = milesight_lora._split(content)
    again = b"".join(bytes([value.channel, value.kind]) + value.raw for value in values) + rest
    assert again == content


@pytest.mark.parametrize("wrap", ["raw", "hex", "hex lines", "chirpstack", "tts", "gateway hex"])
def test_an_uplink_may_be_wrapped(wrap):
    raw = milesight_lora.encode_interval(2, 1)
    encoded = b64encode(raw).decode()
    payload, wanted = {
        "raw": (raw, None),
        "hex": (raw.hex().encode(), None),
        "hex lines": (b" 05 CC 02:00:01:00\r\n", None),
        "chirpstack": (dumped({"deviceInfo": {"devEui": "24e1"}, "fCnt": 7, "data": encoded}), "24e1/7"),
        "tts": (
            dumped(
                {
                    "end_device_ids": {"dev_eui": "24E1"},
                    "uplink_message": {"f_cnt": 7, "frm_payload": encoded},
                }
            ),
            "24E1/7",
        ),
        "gateway hex": (dumped({"devEUI": "24e1", "data": raw.hex()}), None),
    }[wrap]
    (item,) = milesight_lora.parse_payload(payload)
    assert (item.entered, item.left, item.report) == (2, 1, wanted)


def test_a_server_message_without_an_uplink_shows_life():
    assert milesight_lora.parse_payload(b'{"deviceInfo":{}}') == [Word("alive", "no uplink")]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b'{"data":7}',
        b'{"data":"!!!"}',
        b'{"uplink_message":[]}',
        b"{",
        b"\x03\xd2\x00",
        b"\x77\x01\x00",
        b"\x03",
        bytes(300),
    ],
)
def test_uplinks_that_are_refused(payload):
    found = milesight_lora.parse_payload(payload)
    assert [type(item) for item in found] == [Reject]
    assert found[0].detail


# --- Roode -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["roode", "shop/door", "a/b/c"])
@pytest.mark.parametrize(("text", "entered"), [("Entry", 1), ("Exit", 0)])
def test_a_crossing(prefix, text, entered):
    topic = f"{prefix}/text_sensor/entrance_last_direction/state"
    (item,) = roode.parse_message(topic, text.encode())
    assert (item.entered, item.left, item.cumulative) == (entered, 1 - entered, False)


@pytest.mark.parametrize(
    ("topic", "payload", "said"),
    [
        ("roode/status", b"online", Word("online")),
        ("roode/number/roode_people_counter/state", b"3", Word("occupancy", "3")),
        ("roode/binary_sensor/roode_presence/state", b"OFF", Word("presence", "OFF")),
        (
            "roode/sensor/roode_distance_zone_0/state",
            b"1830",
            Word("state", "sensor/roode_distance_zone_0 1830"),
        ),
    ],
)
def test_states_that_are_no_crossing(topic, payload, said):
    assert roode.parse_message(topic, payload) == [said]


@pytest.mark.parametrize(
    "topic", ["", "status", "roode/debug", "roode/number/x/command", "/state", "a/state"]
)
def test_topics_without_a_state(topic):
    assert roode.parse_message(topic, b"Entry") == []


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("roode/status", b"asleep", "value"),
        ("roode/text_sensor/x_last_direction/state", b"entry", "value"),
        ("roode/text_sensor/x_last_direction/state", b"\xff", "syntax"),
        ("roode/sensor/x/state", b"9" * 300, "length"),
    ],
)
def test_states_that_are_refused(topic, payload, reason):
    (reject,) = roode.parse_message(topic, payload)
    assert reject.reason == reason


# --- all ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"\xff\xfe",
        b"[" * 1_000_000,
        b'{"logics_data":' * 100_000,
        b'{"a":NaN}',
        b'{"device_info":{},"line_total_data":[{"total":{"in_counted":1e999}}]}',
        b'"\\ud800"',
        b"x" * (1024 * 1024 + 1),
        b'{"uplink_message":{"frm_payload":"' + b"A" * 100_000 + b'"}}',
        b"topic only",
    ],
    ids=lambda payload: repr(payload[:16]),
)
def test_hostile_payloads_make_rejects(name, payload):
    found = PARSERS[name](payload)
    assert found
    assert not counts(found)
    assert all(len(item.raw) <= MAX_REJECT_BYTES for item in found if isinstance(item, Reject))
    assert any(isinstance(item, Reject) for item in found)


@pytest.mark.parametrize("name", PARSERS)
@settings(deadline=None)
@given(payload=st.binary(max_size=300))
def test_no_bytes_raise(name, payload):
    assert isinstance(PARSERS[name](payload), list)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "logics_data",
                    "live_data",
                    "package_info",
                    "logics",
                    "records",
                    "counts",
                    "name",
                    "value",
                    "id",
                    "from",
                    "device_info",
                    "line_total_data",
                    "total",
                    "in",
                    "data",
                    "uplink_message",
                    "frm_payload",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("name", PARSERS)
@settings(deadline=None)
@given(value=json_values)
def test_no_json_raises(name, value):
    assert isinstance(PARSERS[name](dumped(value)), list)


@given(st.text(max_size=100))
def test_a_line_is_named_by_an_id(name):
    assert parse_slug("line", counting.line_id(name, "logic-1"))


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Main Entrance", "main-entrance"),
        ("Éclair / Süd", "eclair-sud"),
        ("入口", "logic-1"),
        ("--", "logic-1"),
    ],
)
def test_names_of_lines(name, slug):
    assert counting.line_id(name, "logic-1") == slug


@pytest.mark.parametrize(
    ("moment", "zone"),
    [
        ("2026-03-12T12:00:00", None),
        ("2026-03-12T12:00:00", "UTC"),
        ("2026-03-12T12:00:00", "UTC+99:00"),
        ("noon", None),
        (-5, None),
        (1e300, None),
        ("0001-01-01T00:00:00Z", None),
        (None, None),
    ],
)
def test_a_time_that_is_not_understood_is_none(moment, zone):
    assert counting.millis(moment, zone) is None


@given(st.integers(0, 4_000_000_000_000))
def test_times_survive(at):
    assert counting.millis(counting.time_text(at)) == at
