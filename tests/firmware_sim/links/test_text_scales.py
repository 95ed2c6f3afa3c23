"""A&D, indicator, Ohaus, Kern and HX711 twins, and their drivers at the other end of the line."""

from itertools import pairwise

import pytest

from contract.messages import Tare
from edge.model import RejectRead, StatusRead, WeightRead
from firmware_sim.devices.plate import SETTLE_MS, Plate
from firmware_sim.devices.text_scale import AndScaleTwin, Hx711Twin, IndicatorTwin, KernTwin, OhausTwin
from firmware_sim.links.faults import DRIBBLE, FaultRates
from firmware_sim.links.memory import NullModem

BAD_LINE = FaultRates(drop=0.002, flip=0.002, noise=0.002, max_chunk=7, glue=0.3)

PAIRS = {
    "and stream": (AndScaleTwin, {}, "and_scale", {}),
    "and poll": (AndScaleTwin, {}, "and_scale", {"ask": "poll", "poll_ms": 200}),
    "indicator": (IndicatorTwin, {}, "and_scale", {"ask": "listen"}),
    "indicator 485": (IndicatorTwin, {"address": 7}, "and_scale", {"ask": "listen", "address": 7}),
    "ohaus stream": (OhausTwin, {}, "ohaus", {}),
    "ohaus poll": (OhausTwin, {}, "ohaus", {"ask": "poll", "poll_ms": 200}),
    "kern kcp": (KernTwin, {}, "kern", {}),
    "kern tws": (KernTwin, {"protocol": "tws"}, "kern", {"ask": "tws"}),
    "kern unitless": (KernTwin, {"protocol": "unitless"}, "kern", {"ask": "tws"}),
    "hx711 ask": (Hx711Twin, {}, "hx711", {}),
    "hx711 listen": (Hx711Twin, {"sketch": True}, "hx711", {"mode": "listen"}),
}
TARES = [name for name in PAIRS if not name.startswith("indicator") and name != "hx711 listen"]
OVERLOADS = ["and stream", "indicator", "kern kcp", "kern tws", "kern unitless"]


@pytest.fixture
def bench(host):
    """Return a twin, its driver and the line between them, by the name of the pair."""

    def make(name, *, faults=None, seed=0, **twin_options):
        twin_class, options, driver, settings = PAIRS[name]
        twin = twin_class(**{**options, **twin_options})
        hosted = host(driver, **settings)
        line = {} if faults is None else {"up": faults, "down": faults}
        return twin, hosted, NullModem(twin, hosted, seed=seed, **line)

    return make


def run(modem, until):
    reads = []
    while modem.now < until:
        reads += modem.step(50)
    return reads


def weights(reads):
    return [read for read in reads if isinstance(read, WeightRead)]


@pytest.mark.parametrize("name", PAIRS)
def test_a_load_is_unstable_and_then_told_as_it_is(bench, name):
    twin, _, modem = bench(name)
    run(modem, 3_000)
    twin.load(1_234.5, stable=True, now=modem.now)
    moving = weights(run(modem, modem.now + SETTLE_MS))
    at_rest = weights(run(modem, modem.now + 3_000))
    assert not any(read.stable for read in moving if abs(read.weight_g - 1_234.5) < 5)
    assert at_rest[-1].stable
    assert at_rest[-1].weight_g == pytest.approx(1_234.5, abs=0.5)
    assert len(at_rest) >= 8


@pytest.mark.parametrize("name", PAIRS)
def test_negative_weights_keep_their_sign(bench, name):
    twin, _, modem = bench(name)
    run(modem, 1_000)
    twin.load(-12.5, stable=True, now=modem.now)
    assert weights(run(modem, 4_000))[-1].weight_g == pytest.approx(-12.5, abs=0.5)


@pytest.mark.parametrize("name", [name for name in PAIRS if not name.startswith("hx711")])
def test_the_unit_may_change_in_mid_stream(bench, name):
    twin, _, modem = bench(name)
    twin.load(1_234.5, stable=True, now=0)
    run(modem, 2_000)
    twin.use_unit("kg")
    reads = run(modem, 4_000)
    assert {read.weight_g for read in weights(reads)} == {1_234.5}
    assert not [read for read in reads if isinstance(read, RejectRead)]


@pytest.mark.parametrize("name", OVERLOADS)
def test_an_overload_is_an_error_and_no_weight(bench, name):
    twin, _, modem = bench(name, capacity_g=1_000.0)
    run(modem, 2_000)
    twin.load(5_000.0, stable=True, now=modem.now)
    run(modem, modem.now + 500)
    reads = run(modem, modem.now + 2_000)
    assert not weights(reads)
    assert [read for read in reads if isinstance(read, StatusRead) and read.what == "error"]


@pytest.mark.parametrize("name", TARES)
def test_a_tare_makes_the_load_zero(bench, name):
    twin, driver, modem = bench(name)
    twin.load(500.0, stable=True, now=0)
    assert weights(run(modem, 3_000))[-1].weight_g == pytest.approx(500.0, abs=0.5)
    assert driver.act(Tare(), modem.now) == ""
    assert weights(run(modem, 6_000))[-1].weight_g == pytest.approx(0.0, abs=0.5)
    twin.load(600.0, stable=True, now=modem.now)
    assert weights(run(modem, 10_000))[-1].weight_g == pytest.approx(100.0, abs=0.5)


@pytest.mark.parametrize("name", PAIRS)
def test_a_power_cycle_is_survived(bench, name):
    twin, _, modem = bench(name)
    twin.load(500.0, stable=True, now=0)
    run(modem, 3_000)
    twin.power_cycle(modem.now)
    assert weights(run(modem, 9_000))[-1].weight_g == pytest.approx(500.0, abs=0.5)


@pytest.mark.parametrize("name", PAIRS)
def test_single_bytes_make_the_same_weights(bench, name):
    twin, _, modem = bench(name, faults=DRIBBLE)
    twin.load(321.0, stable=True, now=0)
    reads = run(modem, 5_000)
    assert weights(reads)[-1].weight_g == pytest.approx(321.0, abs=0.5)
    assert not [read for read in reads if isinstance(read, RejectRead)]


@pytest.mark.parametrize("name", PAIRS)
def test_a_bad_line_costs_lines_and_seldom_a_digit(bench, name):
    """A text line has no checksum: a flipped bit can turn one digit into another, and rarely does."""
    twin, _, modem = bench(name, faults=BAD_LINE, seed=5)
    twin.load(321.0, stable=True, now=0)
    reads = run(modem, 60_000)
    right = [read for read in weights(reads) if abs(read.weight_g - 321.0) <= 0.5]
    wrong = [read for read in weights(reads) if abs(read.weight_g - 321.0) > 0.5]
    assert len(right) > 100
    assert len(wrong) <= len(right) * 0.03
    assert any(isinstance(read, RejectRead) for read in reads)


def test_net_and_gross_are_a_choice(host):
    twin = IndicatorTwin()
    modem = NullModem(twin, host("and_scale", ask="listen", basis="net"))
    twin.load(500.0, stable=True, now=0)
    assert not weights(run(modem, 2_000))
    twin.receive(b"T\r\n", modem.now)
    assert weights(run(modem, 4_000))[-1].weight_g == 0.0


def test_another_scale_on_the_line_is_not_taken(host):
    twin = IndicatorTwin(address=7)
    modem = NullModem(twin, host("and_scale", ask="listen", address=8))
    reads = run(modem, 2_000)
    assert not weights(reads)
    assert {read.what for read in reads if isinstance(read, StatusRead)} == {"alive"}


def test_the_old_weight_after_a_tare_is_not_stable(host):
    twin = Hx711Twin(noise_g=0.0)
    driver = host("hx711")
    modem = NullModem(twin, driver)
    twin.load(500.0, stable=True, now=0)
    run(modem, 4_000)
    driver.act(Tare(), modem.now)
    tared_at = modem.now
    after = weights(run(modem, modem.now + 3_000))
    first = next(read for read in after if read.stable)
    assert first.at - tared_at >= 500 + 4 * 200


def test_a_restless_load_cell_is_never_stable(host):
    twin = Hx711Twin(noise_g=3.0)
    modem = NullModem(twin, host("hx711", stable_within_g=2.0))
    reads = weights(run(modem, 10_000))
    assert len(reads) > 30
    assert not any(read.stable for read in reads)


def test_the_first_bare_number_after_opening_is_not_taken(host):
    driver = host("hx711", mode="listen", pattern="(?P<value>[-0-9.]+)")
    driver.connected(0)
    reads = driver.receive(b"3.45\r\n123.45\r\n", 10)
    assert [type(read) for read in reads] == [RejectRead, WeightRead]
    assert reads[1].weight_g == 123.45


def test_kern_is_not_asked_faster_than_it_likes(host):
    driver = host("kern")
    driver.connected(0)
    asked = [now for now in range(0, 5_000, 10) if driver.poll(now)]
    assert min(later - earlier for earlier, later in pairwise(asked)) > 100


@pytest.mark.parametrize(("name", "settings"), [("kern", {"ask": "listen"})])
def test_a_scale_that_is_only_listened_to_takes_no_tare(host, name, settings):
    assert "only listened to" in host(name, **settings).act(Tare(), 0)


def test_plate():
    plate = Plate(1_000.0)
    plate.load(500.0, stable=True, now=1_000)
    assert not plate.rests(1_000 + SETTLE_MS - 1)
    assert plate.rests(1_000 + SETTLE_MS)
    assert not plate.zero()
    plate.tare()
    assert (plate.net_g, plate.tared, plate.beyond) == (0.0, True, 0)
    plate.load(1_001.0, stable=True, now=2_000)
    assert plate.beyond == 1
    plate.load(10.0, stable=False, now=3_000)
    assert plate.zero()
    assert (plate.net_g, plate.tared, plate.rests(9_000)) == (0.0, False, False)
    plate.load(-30.0, stable=True, now=4_000)
    assert plate.beyond == -1
