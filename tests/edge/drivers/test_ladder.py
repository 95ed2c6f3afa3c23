"""The ladder that all readers on a line climb: nothing is transmitted before the region stands."""

import pytest

from contract.messages import SetAntennas, SetInventory, SetOutput, SetPower, SetRegion, Tare
from contract.wire import chafon, m6e, m6e_tags, m100, r2000


def m6e_sent(raw):
    codec = m6e.M6eCodec("host")
    codec.feed(raw)
    return [(frame.opcode, frame.data) for frame in iter(codec.next_frame, None)]


def r2000_sent(raw):
    codec = r2000.R2000Codec("host")
    codec.feed(raw)
    return [(frame.code, frame.data) for frame in iter(codec.next_frame, None)]


def chafon_sent(model):
    def sent(raw):
        codec = chafon.ChafonCodec(model, "host")
        codec.feed(raw)
        return [(frame.command, frame.data) for frame in iter(codec.next_frame, None)]

    return sent


def m100_sent(raw):
    codec = m100.M100Codec()
    codec.feed(raw)
    return [(frame.code, frame.parameter) for frame in iter(codec.next_frame, None)]


def m6e_ok(code):
    return m6e.encode(m6e.Reply(code))


def r2000_ok(code):
    return r2000.encode(r2000.Reply(code, {0x72: b"\x01\x09", 0x60: b"\x00\x01"}.get(code, b"\x10")))


def chafon_ok(code):
    data = {0x21: bytes.fromhex("001616034E001E0A01000000"), 0x47: b"\x01"}.get(code, b"")
    return chafon.encode(chafon.Reply(code, 0, data))


def m100_ok(code):
    return m100.encode(m100.Response(code, b"\x00"))


READERS = {
    "m100": (m100_sent, m100_ok, [0x28, 0x07, 0xB6], 0x27, m100.encode(m100.ErrorReply(0x17))),
    "m6e": (m6e_sent, m6e_ok, [0x2F, 0x97, 0x93, 0x92, 0x91], 0x2F, m6e.encode(m6e.Reply(0x97, 0x010B))),
    "r2000": (r2000_sent, r2000_ok, [0x72, 0x78, 0x76, 0x74], 0x89, r2000.encode(r2000.Reply(0x78, b"\x49"))),
    "chafon18": (
        chafon_sent("18"), chafon_ok, [0x21, 0x22, 0x2F], 0x01, chafon.encode(chafon.Reply(0x22, 0xFF)),
    ),
    "chafon288": (
        chafon_sent("288"), chafon_ok, [0x21, 0x22, 0x2F], 0x01, chafon.encode(chafon.Reply(0x22, 0xFF)),
    ),
}  # fmt: skip
REGION_CODE = {"m100": 0x07, "m6e": 0x97, "r2000": 0x78, "chafon18": 0x22, "chafon288": 0x22}
IDLE_CODE = {"m100": 0x03, "m6e": 0x03, "r2000": 0x72, "chafon18": 0x21, "chafon288": 0x21}
each_reader = pytest.mark.parametrize("name", READERS)


def starts(name, command):
    """Tell whether a command switches the field on."""
    code, data = command
    return code == READERS[name][3] and (name != "m6e" or data[:3] == bytes.fromhex("000001"))


def climb(name, host, now=1_000):
    """Answer each command that comes until the inventory is asked for; return the commands."""
    sent, ok, _, _, _ = READERS[name]
    commands = []
    for _ in range(20):
        commands += sent(host.poll(now))
        if commands and starts(name, commands[-1]):
            break
        host.receive(ok(commands[-1][0]), now)
    return commands


@each_reader
def test_every_rung_in_order_then_the_inventory(build, name):
    commands = climb(name, build(name, region="us"))
    assert [code for code, _ in commands[:-1]] == READERS[name][2]
    assert starts(name, commands[-1])


@each_reader
def test_the_last_answer_says_started(build, name):
    host, (sent, ok, _, _, _) = build(name, region="us"), READERS[name]
    said = []
    for _ in READERS[name][2]:
        ((code, _),) = sent(host.poll(1_000))
        said += [read.what for read in host.receive(ok(code), 1_000)]
    assert said == ["alive"] * (len(said) - 1) + ["started"]


@each_reader
@pytest.mark.parametrize("answered", range(5))
def test_nothing_is_transmitted_before_every_rung_is_answered(build, name, answered):
    sent, ok, rungs, _, _ = READERS[name]
    if answered >= len(rungs):
        return
    host, seen = build(name, region="us"), []
    for now in range(1_000, 20_000, 50):
        for command in sent(host.poll(now)):
            seen.append(command)
            if rungs.index(command[0]) < answered:
                host.receive(ok(command[0]), now)
    assert not any(starts(name, command) for command in seen)
    assert seen[-1][0] == rungs[answered]
    assert sum(code == rungs[answered] for code, _ in seen) >= 30


@each_reader
def test_a_refused_region_is_an_error_and_never_reads(build, name):
    sent, ok, rungs, _, refusal = READERS[name]
    host, seen, said = build(name, region="us"), [], []
    for now in range(1_000, 9_000, 50):
        for command in sent(host.poll(now)):
            seen.append(command)
            raw = refusal if command[0] == REGION_CODE[name] else ok(command[0])
            said += [read.what for read in host.receive(raw, now)]
    assert "error" in said
    assert not any(starts(name, command) for command in seen)
    assert [code for code, _ in seen[-5:]] == [REGION_CODE[name]] * 5
    assert rungs[0] == seen[0][0]


@each_reader
def test_without_a_region_it_stays_alive_and_quiet(build, name):
    sent, ok, rungs, _, _ = READERS[name]
    host, seen, said = build(name), [], []
    for now in range(1_000, 11_000, 50):
        for command in sent(host.poll(now)):
            seen.append(command[0])
            said += [read.what for read in host.receive(ok(command[0]), now)]
    assert seen == [rungs[0]] + [IDLE_CODE[name]] * 5
    assert set(said) == {"no_region"}


@each_reader
def test_a_stopped_inventory_says_stopped_as_long_as_it_is(build, name):
    sent, ok, _, _, _ = READERS[name]
    host, said = build(name, region="us"), []
    climb(name, host)
    assert host.act(SetInventory(running=False), 2_000) == ""
    for now in range(2_000, 9_000, 50):
        for command in sent(host.poll(now)):
            assert not starts(name, command)
            said += [read.what for read in host.receive(ok(command[0]), now)]
    assert set(said) == {"stopped"}
    assert host.act(SetInventory(running=True), 9_000) == ""
    assert starts(name, climb(name, host, 9_000)[-1])


@each_reader
def test_silence_starts_over(build, name):
    host, sent = build(name, region="us", stall_ms=3_000), READERS[name][0]
    climb(name, host)
    codes = [code for now in range(1_050, 6_000, 50) for code, _ in sent(host.poll(now))]
    assert READERS[name][2][0] in codes


@each_reader
def test_what_a_family_lacks_is_refused_in_a_sentence(build, name):
    host = build(name)
    lacks = {"m100": "jp", "m6e": None, "r2000": "jp", "chafon18": "eu", "chafon288": "nz"}[name]
    if lacks is not None:
        answer = host.act(SetRegion(region=lacks), 1_000)
        assert answer.startswith(f"this reader has no region '{lacks}'; it has ")
    assert "set its region first" in host.act(SetInventory(running=True), 1_000)
    assert host.act(SetAntennas(antennas=(1, 17)), 1_000).startswith("this reader has antenna")
    assert host.act(SetOutput(port=9, on=True), 1_000).startswith("this reader has no output 9")
    assert host.act(Tare(), 1_000) == "this device does not know Tare"


@pytest.mark.parametrize(("name", "most"), [("m6e", 31.5), ("chafon18", 30), ("chafon288", 30)])
def test_too_much_power_is_refused(build, name, most):
    host = build(name, region="us")
    assert host.act(SetPower(power_dbm=32), 1_000) == f"this reader transmits {most:g} dBm at most, not 32"
    assert host.act(SetPower(power_dbm=10), 1_000) == ""


@pytest.mark.parametrize(
    ("name", "power", "data"),
    [("m6e", 23.5, "092e"), ("r2000", 23.4, "17"), ("chafon18", 23.4, "17"), ("chafon288", 10, "0a")],
)
def test_region_and_power_go_through_the_ladder(build, name, power, data):
    host = build(name, region="us")
    climb(name, host)
    assert host.act(SetRegion(region="cn900"), 2_000) == ""
    assert host.act(SetPower(power_dbm=power), 2_000) == ""
    commands = dict(climb(name, host, 2_000))
    assert commands[{"m6e": 0x92, "r2000": 0x76}.get(name, 0x2F)].hex() == data
    region = {"m6e": "06", "r2000": "032d33", "chafon18": "1142", "chafon288": "1142"}[name]
    assert commands[REGION_CODE[name]].hex() == region


def test_m100_has_one_antenna(build):
    host = build("m100", region="eu")
    assert host.act(SetAntennas(antennas=(2,)), 1_000) == "this reader has antenna 1 only, not antenna 2"
    assert host.act(SetAntennas(antennas=(1,)), 1_000) == ""
    assert host.act(SetOutput(port=1, on=True), 1_000) == (
        "this reader has no output 1 that a host can switch; it has none"
    )


def test_m6e_searches_the_chosen_ports_and_names_its_american_table(build):
    host = build("m6e", region="us", us_table="na2", antennas=[1])
    assert host.act(SetAntennas(antennas=(4, 2, 4)), 1_000) == ""
    commands = dict(climb("m6e", host))
    assert commands[0x91].hex() == "0204040202"
    assert commands[0x97].hex() == "0d"


def test_m6e_start_that_is_refused_begins_again(build):
    host = build("m6e", region="eu")
    climb("m6e", host)
    (read,) = host.receive(m6e.encode(m6e.Reply(0x2F, 0x0401)), 1_100)
    assert (read.what, read.detail) == ("error", "inventory was refused: no protocol selected (status 0401)")
    assert host.poll(1_150) == b""
    assert m6e_sent(host.poll(1_700)) == [(0x2F, m6e.STOP.data)]


def test_m6e_waits_for_the_answer_to_stop_not_for_one_to_start(build):
    host = build("m6e", region="eu")
    host.poll(1_000)
    host.receive(m6e.encode(m6e.Reply(0x2F, 0, b"\x01")), 1_010)
    assert host.poll(1_050) == b""
    host.receive(m6e.encode(m6e.Reply(0x2F, 0, b"\x02")), 1_060)
    assert m6e_sent(host.poll(1_100))[0][0] == 0x97


def test_m6e_faults_are_errors_and_keep_alives_are_not(build):
    host = build("m6e", region="eu")
    climb("m6e", host)
    said = [
        (read.what, read.detail)
        for status in (0x0400, 0x0504, 0x0505)
        for read in host.receive(m6e.encode(m6e.Reply(0x22, status)), 2_000)
    ]
    assert said == [
        ("alive", ""),
        ("error", "too hot, transmits less (status 0504)"),
        ("error", "high return loss: check antenna and cable (status 0505)"),
    ]


def m6e_tag(gpio, epc=bytes(12)):
    record = m6e_tags.TagRecord(
        rssi_dbm=-60, gpio=gpio, pc=len(epc) << 10, epc=epc, epc_bits=8 * len(epc) + 32
    )
    return m6e.encode(m6e_tags.streamed_tag(record))


def test_m6e_inputs_come_with_tags_when_they_change(build):
    host = build("m6e", region="eu", inputs=[1, 3])
    climb("m6e", host)
    levels = []
    for gpio in (0b0001, 0b0001, 0b1101, 0b0100):
        reads = host.receive(m6e_tag(gpio), 2_000)
        levels.append([(read.port, read.high) for read in reads if hasattr(read, "port")])
    assert levels == [[(1, True), (3, False)], [], [(3, True)], [(1, False)]]


def test_m6e_asks_for_inputs_while_idle(build):
    host = build("m6e", inputs=[2])
    host.poll(1_000)
    host.receive(m6e_ok(0x2F), 1_000)
    assert m6e_sent(host.poll(1_050)) == [(0x66, b"\x01")]
    triples = bytes.fromhex("01 010001 020001 030000 040001")
    reads = host.receive(m6e.encode(m6e.Reply(0x66, 0, triples)), 1_060)
    assert [(read.port, read.high) for read in reads[:1]] == [(2, True)]
    assert reads[1].what == "no_region"


def test_m6e_a_tag_while_idle_is_told_and_stopped(build):
    host = build("m6e")
    host.poll(1_000)
    host.receive(m6e_ok(0x2F), 1_000)
    host.poll(1_050)
    assert host.receive(m6e_tag(0), 1_060)[-1].epc == "00" * 12
    assert m6e_sent(host.poll(1_100)) == [(0x2F, m6e.STOP.data)]


@pytest.mark.parametrize(
    ("name", "port", "code"), [("m6e", 2, 0x96), ("r2000", 3, 0x61), ("chafon288", 2, 0x46)]
)
def test_an_output_is_switched_while_idle(build, name, port, code):
    sent, ok, _, _, _ = READERS[name]
    host = build(name)
    host.receive(ok(sent(host.poll(1_000))[0][0]), 1_000)
    host.poll(1_050)
    host.receive(ok(IDLE_CODE[name]), 1_060)
    assert host.act(SetOutput(port=port, on=True), 1_100) == ""
    assert sent(host.poll(1_100))[0][0] == code
    (read,) = host.receive(ok(code), 1_110)
    assert read.what == "no_region"
    assert host.poll(1_150)
    host.receive(ok(IDLE_CODE[name]), 1_160)
    assert host.poll(1_200) == b""


@pytest.mark.parametrize(("name", "code"), [("m6e", 0x96), ("r2000", 0x61), ("chafon288", 0x46)])
def test_an_output_that_is_not_answered_is_given_up(build, name, code):
    sent, ok, _, _, _ = READERS[name]
    host, seen = build(name, region="us", reply_timeout_ms=100), []
    port = 3 if name == "r2000" else 1
    host.act(SetOutput(port=port, on=True), 1_000)
    for now in range(1_000, 3_000, 50):
        for command in sent(host.poll(now)):
            seen.append(command)
            if command[0] != code:
                host.receive(ok(command[0]), now)
    assert sum(command[0] == code for command in seen) == 5
    assert any(starts(name, command) for command in seen)


def test_r2000_takes_its_antennas_in_turn_and_passes_a_missing_one_over(build):
    host, now, asked, said = build("r2000", region="us", antennas=[1, 3]), 1_000, [], []
    climb("r2000", host)
    for _ in range(400):
        now += 10
        for code, data in r2000_sent(host.poll(now)):
            if code == 0x74:
                asked.append(data[0] + 1)
                host.receive(r2000_ok(code), now)
            elif code == 0x89 and asked[-1:] == [3]:
                said += host.receive(r2000.encode(r2000.Reply(0x89, b"\x22")), now)
            else:
                host.receive(r2000.encode(r2000.RoundEnd(0x89, 1, 0, 0)), now)
    assert asked[:6] == [3, 1, 3, 1, 3, 1] or asked[:6] == [1, 3, 1, 3, 1, 3]
    assert {read.detail for read in said} == {"inventory on antenna 3: antenna missing (code 22)"}


def test_r2000_asks_for_inputs_between_rounds(build):
    host = build("r2000", region="us", inputs=True)
    climb("r2000", host)
    host.receive(r2000.encode(r2000.RoundEnd(0x89, 1, 0, 0)), 1_050)
    assert r2000_sent(host.poll(1_100)) == [(0x60, b"")]
    reads = host.receive(r2000_ok(0x60), 1_110)
    assert [(read.port, read.high) for read in reads[:2]] == [(1, False), (2, True)]
    assert r2000_sent(host.poll(1_150)) == [(0x89, b"\x01")]


def test_r2000_a_lost_round_end_costs_a_pause_and_no_climb(build):
    host = build("r2000", region="us", reply_timeout_ms=400)
    climb("r2000", host)
    codes = [code for now in range(1_050, 2_500, 50) for code, _ in r2000_sent(host.poll(now))]
    assert codes == [0x89] * 3


def test_chafon_waits_for_the_last_frame_of_a_round(build):
    host = build("chafon288", region="eu", antennas=[2])
    assert climb("chafon288", host)[-1][1].hex() == "040001000000008105"
    tag = chafon.Tag(bytes(12), 0x50)
    first, last = (chafon.encode(chafon.TagList(status, (tag,), 2)) for status in (3, 1))
    (read,) = host.receive(first, 1_100)
    assert (read.epc, read.antenna, read.rssi_dbm) == ("00" * 12, 2, None)
    assert host.poll(1_150) == b""
    host.receive(last, 1_160)
    assert chafon_sent("288")(host.poll(1_200))[0][0] == 0x01


def test_chafon_gives_half_an_answer_up_before_it_asks_again(build):
    host = build("chafon18", region="us")
    climb("chafon18", host)
    half = bytes.fromhex("13000103010C4754582607")
    assert host.receive(half, 1_100) == []
    for now in range(1_150, 3_000, 50):
        if host.poll(now):
            break
    reject, alive = host.receive(bytes.fromhex("050001FBF23D"), now + 10)
    assert (reject.reason, reject.raw) == ("truncated", half)
    assert alive.what == "alive"


def test_chafon_antenna_faults_are_told_and_the_next_antenna_is_asked(build):
    host = build("chafon288", region="eu", antennas=[1, 2])
    assert climb("chafon288", host)[-1][1][7] == 0x80
    (read,) = host.receive(chafon.encode(chafon.Reply(0x01, 0xF8)), 1_050)
    assert (read.what, read.detail) == ("error", "inventory: antenna error (status F8)")
    assert host.poll(1_100) == b""
    assert chafon_sent("288")(host.poll(1_300))[0][1][7] == 0x81


def test_chafon_sets_both_outputs_at_once(build):
    host = build("chafon288", region="eu")
    for port in (1, 2):
        host.act(SetOutput(port=port, on=True), 1_000)
    masks = [data.hex() for code, data in climb("chafon288", host) if code == 0x46]
    assert masks[-1] == "03"
    assert host.act(SetOutput(port=1, on=False), 2_000) == ""
    host.receive(bytes.fromhex("050001F8690F"), 2_000)
    assert chafon_sent("288")(host.poll(2_300)) == [(0x46, b"\x02")]


@pytest.mark.parametrize("name", ["r2000", "chafon288"])
def test_another_readers_frames_on_a_shared_line_are_not_taken(build, name):
    host = build(name, region="us", address=5)
    frame = {
        "r2000": bytes.fromhex("A0130189743000E2004074850A0103163070E13629"),
        "chafon288": bytes.fromhex("1500010301010C0000000000000000000003136BB1A5"),
    }[name]
    assert host.receive(frame, 1_000) == []
    assert host.poll(1_000)[{"r2000": 2, "chafon288": 1}[name]] == 5


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("m6e", m6e_tag(0, b"")),
        ("r2000", r2000.encode(r2000.TagReport(0x89, 1, 1, 0, b"", -60))),
        ("chafon288", chafon.encode(chafon.TagList(1, (chafon.Tag(b"", 1),), 1))),
    ],
)
def test_a_tag_without_epc_is_refused(build, name, raw):
    assert build(name, region="us").receive(raw, 1_000)[-1].reason == "value"


@pytest.mark.parametrize(
    ("name", "type_code", "other"), [("chafon18", 0x0C, "chafon288"), ("chafon288", 0x09, "chafon18")]
)
def test_chafon_does_not_set_up_a_reader_of_the_other_layout(build, name, type_code, other):
    host, sent = build(name, region="us"), READERS[name][0]
    information = bytes([0, 22, type_code]) + bytes.fromhex("034E001E0A")
    for now in range(1_000, 5_000, 50):
        for command in sent(host.poll(now)):
            assert command[0] == 0x21
            (read,) = host.receive(chafon.encode(chafon.Reply(0x21, 0, information)), now)
            assert (read.reason, read.detail.endswith(f"its driver is {other}")) == ("unknown", True)


def test_m6e_that_does_not_read_and_says_so_is_stopped_too(build):
    host = build("m6e", region="eu")
    host.poll(1_000)
    host.receive(m6e.encode(m6e.Reply(0x2F, 0x0105)), 1_010)
    assert m6e_sent(host.poll(1_050))[0][0] == 0x97


@pytest.mark.parametrize(("name", "port", "code"), [("m6e", 2, 0x96), ("r2000", 3, 0x61)])
def test_an_output_that_is_switched_back_while_asked_is_asked_again(build, name, port, code):
    sent, ok, _, _, _ = READERS[name]
    host = build(name)
    host.receive(ok(sent(host.poll(1_000))[0][0]), 1_000)
    host.act(SetOutput(port=port, on=True), 1_100)
    assert sent(host.poll(1_100))[0][1][-1] == 1
    host.act(SetOutput(port=port, on=False), 1_110)
    host.receive(ok(code), 1_120)
    ((again, data),) = sent(host.poll(1_150))
    assert (again, data[-1]) == (code, 0)
    host.receive(ok(code), 1_160)
    assert sent(host.poll(1_200))[0][0] == IDLE_CODE[name]


@pytest.mark.parametrize("name", ["chafon18", "chafon288"])
def test_chafon_a_long_round_is_no_stall(build, name):
    host = build(name, region="us", scan_time_ms=20_000, stall_ms=3_000)
    climb(name, host)
    sent = [command for now in range(1_050, 20_000, 50) for command in READERS[name][0](host.poll(now))]
    assert sent == []
    later = [code for now in range(20_000, 30_000, 50) for code, _ in READERS[name][0](host.poll(now))]
    assert later[:2] == [0x01, 0x21]
