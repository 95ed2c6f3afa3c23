"""A&D, Ohaus, Kern and HX711 lines: laws that hold for all four, and what is particular to each."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import FrameError
from contract.wire import and_scale, hx711, kern, ohaus
from contract.wire.base import Reject
from contract.wire.weighing import Fault, OutOfRange, Pieces, Said, Weight

CODECS = {
    "and_scale": and_scale.AndScaleCodec,
    "ohaus": ohaus.OhausCodec,
    "kern": kern.KernCodec,
    "hx711": hx711.Hx711Codec,
}
LINES = {
    "and_scale": [
        b"ST,+00123.45  g\r\n",
        b"OL,+9999999E+19\r\n",
        b"01ST,NT,     1.5,kg\r\n",
        b"\x06\r\n",
        b"EC,E01\r",
        b"Q\r\n",
    ],
    "ohaus": [b"       12.73 g    ?\r\n", b"-  1.640 kg    N\n", b"OK!\r\n", b"IP\r"],
    "kern": [b"S S     100.00 g\r\n", b"+ 123.45 g S\r\n", b"ST,GS 1.000KG\r\n", b"w\r\n", b"=Overload=\n"],
    "hx711": [b"<w>", b"12.34\r\n", b"<SerialWeighingScale>\r\n", b"Load_cell output val: 1.00\r\n", b"<t>"],
}
numbers = st.integers(-999_999, 999_999).map(lambda hundredths: hundredths / 100)


def pieces(name):
    whole = st.sampled_from(LINES[name])
    dirt = st.one_of(st.binary(max_size=20), st.sampled_from([b"x" * 118, b"<", b"<w"]))
    return st.lists(st.one_of(whole, dirt, whole.map(lambda line: line[3:])), max_size=10).map(b"".join)


@pytest.mark.parametrize("name", CODECS)
@settings(deadline=None)
@given(choice=st.data())
def test_chunking_changes_nothing_and_no_byte_is_lost(read_all, reassembled, name, choice):
    data = choice.draw(pieces(name))
    at = sorted(choice.draw(st.lists(st.integers(0, len(data)), max_size=8)))
    chunks = [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]
    whole = read_all(CODECS[name](), data)
    assert read_all(CODECS[name](), *chunks) == whole
    assert read_all(CODECS[name](), *[bytes([byte]) for byte in data]) == whole
    assert reassembled(whole, hx711.encode) == data


@pytest.mark.parametrize("name", CODECS)
def test_each_sample_line_is_taken(read_all, name):
    for line in LINES[name]:
        found = read_all(CODECS[name](), line + b"\n" * line.endswith(b"\r"))
        assert not any(isinstance(item, Reject) for item in found), line


@settings(deadline=None)
@given(numbers, st.sampled_from(["g", "kg", "mg", "lb", "oz"]), st.booleans())
def test_weights_survive_encode_and_decode(read_all, value, unit, stable):
    lines = {
        "and_scale": and_scale.standard_line(value, unit=unit, stable=stable),
        "ohaus": ohaus.weight_line(value, unit=unit, stable=stable),
        "kern": kern.short_line(value, unit=unit, status="S" if stable else "U"),
    }
    wanted = None
    for name, line in lines.items():
        (frame,) = read_all(CODECS[name](), line)
        assert frame.stable is stable
        wanted = frame.weight_g if wanted is None else wanted
        assert frame.weight_g == wanted, name
    (frame,) = read_all(hx711.Hx711Codec(), hx711.weight_line(value, label="Load_cell output val: "))
    assert (frame.weight_g, frame.stable) == (value, None)


@settings(deadline=None)
@given(
    st.integers(-99_999, 99_999).map(lambda grams: grams / 1000),
    st.booleans(),
    st.booleans(),
)
def test_ranger_lines_survive(read_all, value, stable, net):
    (frame,) = read_all(ohaus.OhausCodec(), ohaus.ranger_line(value, stable=stable, net=net))
    assert frame.weight_g == pytest.approx(value * 1000)
    assert (frame.stable, frame.net) == (stable, net)


@settings(deadline=None)
@given(st.sampled_from(["and_scale", "ohaus"]), numbers, st.booleans(), st.integers(1, 25))
def test_the_tail_of_a_line_is_never_another_weight(read_all, name, value, stable, cut):
    line = {"and_scale": and_scale.standard_line, "ohaus": ohaus.weight_line}[name](value, stable=stable)
    for frame in read_all(CODECS[name](), line[cut:]):
        assert isinstance(frame, Reject) or frame.weight_g == value


@settings(deadline=None)
@given(numbers, st.integers(1, 20), st.integers(7, 8))
def test_a_kern_line_opened_in_the_middle_is_never_another_weight(read_all, value, cut, width):
    line = f"{'-' if value < 0 else ' '}{abs(value):>{width}.2f} g S\r\n".encode()
    found = read_all(kern.KernCodec(mid_line=True), line[cut:])
    assert len(line) != width + 7 or not any(isinstance(frame, Weight) for frame in found)


def test_a_first_line_of_kern_may_have_lost_its_sign(read_all):
    raw = b"   12.34 g S\r\n"
    assert read_all(kern.KernCodec(), raw)[0].weight_g == 12.34
    first, second = read_all(kern.KernCodec(mid_line=True), raw + raw)
    assert (first.reason, second.weight_g) == ("syntax", 12.34)
    assert read_all(kern.KernCodec(mid_line=True), b"+  12.34 g S\r\n")[0].weight_g == 12.34


@pytest.mark.parametrize(
    ("name", "line", "kind"),
    [
        ("and_scale", b"OL,+9999999E+19\r\n", OutOfRange),
        ("and_scale", b"OL,GS,  999999,kg\r\n", OutOfRange),
        ("and_scale", b"UL,NT,  -99999,kg\r\n", OutOfRange),
        ("and_scale", b"QT,+00000012 PC\r\n", Pieces),
        ("and_scale", b"EC,E02\r\n", Fault),
        ("and_scale", b"PT,+000.0000  g\r\n", Said),
        ("kern", b"-   0.50 g E\r\n", Fault),
        ("kern", b"       15.20    \r\n", Said),
        ("kern", b"OL,GS 1.000KG\r\n", OutOfRange),
        ("hx711", b"<SerialWeighingScale>\r\n", Said),
    ],
)
def test_what_is_not_a_weight(read_all, name, line, kind):
    (frame,) = read_all(CODECS[name](), line)
    assert type(frame) is kind
    assert not isinstance(frame, Weight)


@pytest.mark.parametrize(
    ("name", "line", "reason"),
    [
        ("and_scale", b"ST,+0123.45  g\r\n", "syntax"),
        ("and_scale", b"ST,00123.45  g\r\n", "syntax"),
        ("and_scale", b"ST,+00123.45\r\n", "syntax"),
        ("and_scale", b"ST,+001 3.45  g\r\n", "syntax"),
        ("and_scale", b"XX,+00123.45  g\r\n", "syntax"),
        ("and_scale", b"ST,GS,     0.0\r\n", "syntax"),
        ("and_scale", b"ST,GS,  1 0.0,kg\r\n", "syntax"),
        ("and_scale", b"ST,GS,   1.0.0,kg\r\n", "syntax"),
        ("and_scale", b"ST,GS,     0.0,kg 7\r\n", "syntax"),
        ("and_scale", b"ST,XX,     0.0,kg\r\n", "syntax"),
        ("and_scale", b"ST,GS,     0.0,t\r\n", "value"),
        ("and_scale", b"1ST,GS,     0.0,kg\r\n", "syntax"),
        ("and_scale", b"QT,+0000012.5 PC\r\n", "syntax"),
        ("ohaus", b"12.73 g     \r\n", "syntax"),
        ("ohaus", b"       12.73\r\n", "syntax"),
        ("ohaus", b"       12.73 g  !\r\n", "syntax"),
        ("ohaus", b"       12.73 lb:oz\r\n", "value"),
        ("kern", b"  123.45 g X\r\n", "syntax"),
        ("kern", b"+ 123.45 x S\r\n", "value"),
        ("kern", b"100.00 g\r\n", "syntax"),
        ("hx711", b"nan\r\n", "syntax"),
        ("hx711", b"HX711 not found.\r\n", "syntax"),
        ("hx711", b"123456789.0\r\n", "value"),
        ("hx711", b"12.34 stone\r\n", "syntax"),
    ],
)
def test_lines_that_are_refused(read_all, name, line, reason):
    (reject,) = read_all(CODECS[name](), line)
    assert (reject.reason, reject.raw) == (reason, line)
    assert reject.detail


@pytest.mark.parametrize("noise", [b"\xff", b"1" * 119 + b"<", b"<w" * 70, b"12.3", b"\r"])
def test_a_request_is_found_behind_noise_that_no_line_end_frees(noise):
    codec = hx711.Hx711Codec()
    codec.feed(noise + b"<w>")
    found = list(iter(codec.next_frame, None))
    assert found[-1] == hx711.Request(b"<w>")
    assert all(isinstance(item, Reject) for item in found[:-1])


def test_net_gross_and_address_are_told(read_all):
    (frame,) = read_all(and_scale.AndScaleCodec(), b"07ST,NT,    -1.5,kg\r\n")
    assert (frame.net, frame.address, frame.weight_g) == (True, 7, -1500.0)
    (frame,) = read_all(ohaus.OhausCodec(), b"   0.360 kg    G\r\n")
    assert frame.net is False
    (frame,) = read_all(ohaus.OhausCodec(), b"       12.73 g      \r\n")
    assert frame.net is None


@pytest.mark.parametrize(
    ("pattern", "line"),
    [(r"(?P<value>[0-9]+) units", b"20 units\r\n"), (r"w=(?P<value>[-0-9.]+)(?P<unit>kg)?", b"w=20\n")],
)
def test_a_sketch_may_print_as_it_likes(read_all, pattern, line):
    (frame,) = read_all(hx711.Hx711Codec(pattern, factor_g=-0.5), line)
    assert frame.weight_g == -10.0


@pytest.mark.parametrize("pattern", ["(", "[0-9]+"])
def test_a_pattern_without_a_value_is_refused(pattern):
    with pytest.raises(FrameError, match="pattern"):
        hx711.Hx711Codec(pattern)


@pytest.mark.parametrize("protocol", [and_scale, ohaus, kern])
def test_unknown_commands_are_not_sent(protocol):
    with pytest.raises(FrameError, match="command known here"):
        protocol.request("FORMAT")


@pytest.mark.parametrize(
    ("protocol", "command", "raw"),
    [
        (and_scale, "Q", b"Q\r\n"),
        (and_scale, "SIR", b"SIR\r\n"),
        (ohaus, "CP", b"CP\r\n"),
        (ohaus, "0P", b"0P\r\n"),
        (kern, "w", b"w\r\n"),
        (kern, "SI", b"SI\r\n"),
    ],
)
def test_commands(protocol, command, raw):
    assert protocol.request(command) == raw
