"""A bad line: what it may do to reports, and what it never does."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from firmware_sim.world.disturbance import ClockStep, Disturbance, Line, Outage
from firmware_sim.world.scenes import live_through, shelf_scenario

QUIET = Disturbance(
    latency_ms=(0, 1),
    duplicate_share=0.0,
    disorder_share=1e-12,
    ghost_share=0.0,
    clock_spread_ms=0.0,
    drift_ppm=0.0,
)


def sent_and_come(disturbance, *, minutes=2, seed=5):
    scene = live_through(shelf_scenario("jewel-sparse"), seed, minutes)
    line = Line(disturbance, seed, scene.start)
    sent, come = [], []
    for cycle in scene.radio.run(scene.start, scene.end):
        reports = cycle.reports
        sent += [
            (at, scene.radio.epcs[tag], antenna)
            for at, tag, antenna in zip(
                reports.at_ms.tolist(), reports.tag.tolist(), reports.antenna.tolist(), strict=True
            )
        ]
        line.send(cycle, scene.radio.epcs)
        come += [(one.at, one.epc, one.antenna) for one in line.arrivals(cycle.now)]
    come += [(one.at, one.epc, one.antenna) for one in line.arrivals(scene.end + 60_000)]
    return scene, line, sent, come


def test_a_good_line_hands_over_every_report_once():
    _, _, sent, come = sent_and_come(QUIET)
    assert sorted(come) == sorted(sent)
    assert len(sent) > 1_000


@given(
    duplicates=st.floats(0.0, 0.5),
    disorder=st.floats(0.001, 0.5),
    latency=st.integers(1, 900),
    seed=st.integers(0, 50),
)
def test_a_bad_line_repeats_and_delays_but_neither_loses_nor_changes(duplicates, disorder, latency, seed):
    bad = Disturbance(
        latency_ms=(0, latency), duplicate_share=duplicates, disorder_share=disorder, ghost_share=0.0,
        clock_spread_ms=0.0, drift_ppm=0.0,
    )  # fmt: skip
    _, _, sent, come = sent_and_come(bad, minutes=0.5, seed=seed)
    assert set(come) == set(sent)
    assert all(come.count(one) <= 2 for one in come[:50])


def test_nothing_of_an_outage_ever_arrives_and_the_rest_is_as_it_was():
    outage = Disturbance(outages=(Outage(30.0, 20.0),))
    scene, line, _, with_outage = sent_and_come(outage)
    without = sent_and_come(Disturbance())[3]
    inside = [one for one in without if line.dead(one[0])]
    assert len(inside) > 200
    kept = [one for one in without if one not in set(inside)]
    near = {one for one in kept if min(abs(one[0] - scene.start - s * 1000) for s in (30, 50)) < 500}
    assert set(with_outage) - near == set(kept) - near


def test_a_ghost_is_a_few_bits_from_a_tag_and_never_comes_twice():
    scene, line, sent, come = sent_and_come(replace(QUIET, ghost_share=0.01))
    ghosts = [one for one in come if one[1] in line.ghosts]
    assert len(ghosts) > 5
    assert len({epc for _, epc, _ in ghosts}) == len(ghosts)
    assert len(come) == len(sent) + len(ghosts)
    known = {int(epc, 16) for epc in scene.radio.epcs}
    assert all(min((int(epc, 16) ^ true).bit_count() for true in known) <= 3 for _, epc, _ in ghosts)


def test_the_agents_clock_steps_when_it_is_told_to():
    line = Line(Disturbance(steps=(ClockStep(10.0, 2_000), ClockStep(20.0, -2_000))), 1, 0)
    assert [line.agent_time(at) for at in (9_999, 10_000, 19_999, 20_000)] == [9_999, 12_000, 21_999, 20_000]
