"""The parts without a page: the poller's rounds, words, figures, the plan and the server's options."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.client import HubClient, HubRefusedError, HubUnreachableError
from dashboard.figures import matching, tasks, zone_rows
from dashboard.floorplan import fitting_height, floor_figure, heat_class, is_crowded, top_zones
from dashboard.poller import (
    FULL_EVERY_MS,
    MAX_PARTS,
    MAX_SEARCHES,
    PART_WATCHED_FOR_MS,
    RECENT_MS,
    WATCHED_FOR_MS,
    Poller,
)
from dashboard.server import options
from dashboard.set_up import (
    AGENTS,
    CODES,
    DUPLICATES,
    LABELS,
    LOG,
    STATIONS,
    TO_FETCH,
    Source,
    parse_duplicates,
    parse_stations,
)
from dashboard.view import age_class
from dashboard.words import Words, isolated, language_of, plain

START = 1_790_000_000_000


class Clock:
    now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def poller(fake_hub, clock):
    poller = Poller(HubClient(fake_hub.url, timeout_s=2.0), clock=clock)

    def look(after_ms=1_000):
        clock.now += after_ms
        poller.latest(None)
        poller.round(clock.now)
        return poller.latest(None)

    poller.look = look
    look()
    look()
    yield poller
    poller.client.close()


def test_unchanged_position_reads_only_the_stock(poller, fake_hub):
    fake_hub.asked.clear()
    before = poller.latest(None)
    after = poller.look()
    assert fake_hub.asked == ["/v1/stores/popup-1/stock"]
    assert after.version == before.version
    assert after.snapshot is before.snapshot


def test_new_position_reads_everything_and_counts_the_version_up(poller, fake_hub):
    before = poller.latest(None)
    fake_hub.footfall["entered"] = 62
    fake_hub.change()
    after = poller.look()
    assert after.version == before.version + 1
    assert after.snapshot.footfall.entered == 62


def test_what_changes_with_time_alone_is_read_every_ten_seconds(poller, fake_hub):
    fake_hub.devices[0]["state"] = "down"
    assert poller.look().snapshot.devices[0].state == "ok"
    assert poller.look(FULL_EVERY_MS).snapshot.devices[0].state == "down"


def test_a_zone_gone_blind_shows_at_once(poller, fake_hub):
    fake_hub.zone_states["window"] = "blind"
    assert poller.look().snapshot.zone_states["window"] == "blind"


def test_silent_hub_keeps_the_picture_and_its_age_grows(poller, fake_hub, clock):
    before = poller.latest(None).snapshot
    fake_hub.stop()
    view = poller.look(7_000)
    assert view.snapshot is before
    assert view.fault
    assert view.age_s == pytest.approx(7.0)
    clock.now += 5_000
    assert poller.latest(None).age_s == pytest.approx(12.0)


def test_a_store_nobody_looks_at_is_not_asked_for(poller, fake_hub, clock):
    clock.now += WATCHED_FOR_MS + 1
    fake_hub.asked.clear()
    poller.round(clock.now)
    assert not [path for path in fake_hub.asked if "popup-1" in path]


def test_recent_activity_is_what_grew_and_ends_after_fifteen_minutes(poller, fake_hub):
    fake_hub.heat[0]["picked_up"] += 4
    fake_hub.change()
    assert poller.look().snapshot.recent["shelf-a"] == 4
    snapshot = poller.look(RECENT_MS + FULL_EVERY_MS).snapshot
    assert snapshot.recent_since_ms is None
    assert snapshot.recent["shelf-a"] == 0
    fake_hub.heat[0]["picked_up"] = 1
    fake_hub.heat[0]["put_back"] = 0
    fake_hub.change()
    assert poller.look().snapshot.recent["shelf-a"] == 1


def test_searches_are_followed_and_bounded(poller):
    assert poller.search("popup-1", "3036") is None
    poller.look()
    assert poller.search("popup-1", "3036").total == 1
    for number in range(3 * MAX_SEARCHES):
        poller.search("popup-1", f"text {number}")
    assert len(poller._queries) == MAX_SEARCHES


EVERY_SOURCE = (CODES, TO_FETCH, STATIONS, LOG, DUPLICATES, LABELS, AGENTS)


def asked(fake_hub, what):
    return sum(what in path for path in fake_hub.asked)


def test_set_up_is_asked_for_only_while_somebody_looks(poller, fake_hub):
    fake_hub.asked.clear()
    poller.look()
    assert fake_hub.asked == ["/v1/stores/popup-1/stock"]
    for source in EVERY_SOURCE:
        assert poller.part("popup-1", source).value is None
    poller.look()
    for source in EVERY_SOURCE:
        part = poller.part("popup-1", source)
        assert part.value is not None, source.name
        assert (part.version, part.fault) == (1, "")
    poller.look(PART_WATCHED_FOR_MS + 1)
    poller.look()
    fake_hub.asked.clear()
    poller.look()
    assert not asked(fake_hub, "unmapped")
    assert not asked(fake_hub, "enrolment")
    assert poller._parts == {}


def test_each_part_has_its_own_period_and_a_refresh_asks_at_once(poller, fake_hub, clock):
    for _ in range(16):
        for source in (STATIONS, CODES, DUPLICATES):
            poller.part("popup-1", source)
        poller.look(1_000)
    assert asked(fake_hub, "enrolment") == 16
    assert asked(fake_hub, "unmapped") == 8
    assert asked(fake_hub, "duplicates") == 2
    fake_hub.asked.clear()
    poller.refresh(0.0)
    poller.round(clock.now)
    assert asked(fake_hub, "duplicates") == asked(fake_hub, "unmapped") == asked(fake_hub, "enrolment") == 1


def test_a_part_without_an_answer_grows_old_alone(poller, fake_hub):
    poller.part("popup-1", CODES)
    poller.part("popup-1", STATIONS)
    poller.look()
    fake_hub.missing = ("/v1/pos/unmapped",)
    view = poller.look(5_000)
    codes, stations = poller.part("popup-1", CODES), poller.part("popup-1", STATIONS)
    assert (view.fault, stations.fault) == ("", "")
    assert "404" in codes.fault
    assert [one.code for one in codes.value] == ["39072856", "6975000000017"]
    assert codes.age_s == pytest.approx(5.0)
    assert stations.age_s == pytest.approx(0.0)


def test_a_silent_hub_is_not_asked_for_parts(poller, fake_hub, monkeypatch):
    poller.part("popup-1", CODES)
    poller.look()
    told = []
    monkeypatch.setattr(poller.client, "unmapped", lambda store: told.append(store) or [])
    fake_hub.stop()
    poller.part("popup-1", CODES)
    assert poller.look(5_000).fault
    assert told == []
    assert poller.part("popup-1", CODES).age_s == pytest.approx(5.0)


def test_after_a_part_that_met_silence_the_rest_waits_for_the_next_round(poller):
    told = []

    def silence(client, store):
        told.append("first")
        raise HubUnreachableError("timed out")

    first = Source("first", 1_000, silence)
    second = Source("second", 1_000, lambda client, store: told.append("second") or ())
    poller.part("popup-1", first)
    poller.part("popup-1", second)
    poller.look()
    assert told == ["first"]
    poller.look()
    assert told == ["first", "second", "first"]


def test_parts_are_bounded(poller):
    for number in range(2 * MAX_PARTS):
        poller.part("popup-1", Source(f"part {number}", 1_000, lambda client, store: ()))
    assert len(poller._parts) == MAX_PARTS


@pytest.mark.parametrize("answer", [None, {}, [1], [{"agent": "pi-1"}], "x"])
def test_a_broken_answer_about_stations_is_one_sentence(answer):
    with pytest.raises(HubUnreachableError, match="the hub's answer"):
        parse_stations(answer)


@pytest.mark.parametrize("answer", [None, [], {"bound_twice": [{"epc": "E2"}]}, {"bound_twice": [1]}])
def test_a_broken_answer_about_duplicates_is_one_sentence(answer):
    with pytest.raises(HubUnreachableError, match="the hub's answer"):
        parse_duplicates(answer)


def test_client_tells_a_refusal_from_silence(fake_hub):
    with HubClient(fake_hub.url) as client:
        fake_hub.refuse = True
        with pytest.raises(HubRefusedError, match="409") as refused:
            client.decide("popup-1", "popup-1-9", "approve", by="test")
        assert refused.value.is_conflict
        assert refused.value.sentence == "order is cancelled and cannot become approved"
        fake_hub.stop()
        with pytest.raises(HubUnreachableError):
            client.stores()


@given(st.text(max_size=200))
def test_a_plain_name_holds_no_control_and_stays_short(text):
    name = plain(text)
    assert len(name) <= 80
    assert not any(letter in name for letter in "\x00\n\u202e\u2066\u2069")
    assert isolated(text).startswith("\u2068")


@pytest.mark.parametrize(
    ("asked", "locale", "expected"),
    [("en", "zh-CN", "en"), (None, "zh-TW", "zh-CN"), ("xx", None, "en"), ("zh-CN", "en", "zh-CN")],
)
def test_language(asked, locale, expected):
    assert language_of(asked, locale) == expected


def test_numbers_times_and_money_are_local():
    english, chinese = Words.of("en", "Asia/Shanghai", "CNY"), Words.of("zh-CN", "Asia/Shanghai", "CNY")
    assert english.number(1234) == "1,234"
    assert english.number(None) == "—"
    assert english.money(268.0) == "CN¥268.00"
    assert chinese.money(268.0) == "¥268.00"
    assert english.moment(START, START) == "22:13:20"
    later = START + 2 * 86_400_000
    assert english.moment(START, later) == "21 Sep 22:13"
    assert chinese.moment(START, later) == "9月21日 22:13"
    assert Words.of("en", "Nowhere/Here", "").moment(START, START) == "14:13:20"


@pytest.mark.parametrize(
    ("age_s", "kind"), [(None, "never"), (0.5, "fresh"), (3.0, "fresh"), (3.1, "late"), (10.1, "old")]
)
def test_age_turns_amber_past_three_periods_and_red_past_ten(age_s, kind):
    assert age_class(age_s) == kind


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_heat_class_rises_with_the_figure(one, other):
    low, high = sorted((one, other))
    assert 0 <= heat_class(low, high) <= heat_class(high, high) <= 4
    assert heat_class(0, high) == 0


def test_plan_says_blind_and_escapes_names(poller, fake_hub):
    fake_hub.store["zones"][0]["name"] = "<b>W</b>"
    fake_hub.position += 1
    snapshot = poller.look(20_000).snapshot
    words, rows = Words.of("en", "UTC", ""), zone_rows(snapshot)
    drawn = floor_figure(rows, words, "today", height=300).to_json()
    assert "&lt;b&gt;W" in json.loads(json.dumps(drawn)).encode().decode("unicode_escape")
    labels = [
        text
        for trace in floor_figure(rows, words, "today", height=300).data
        if trace.mode == "text"
        for text in trace.text
    ]
    assert any(text == "Shelf B<br><b>blind</b>" for text in labels)
    assert top_zones(rows, "today", words).startswith("Floor plan. Liveliest zones: Shelf A: 55; <b>W</b>: 9")
    assert "Blind: Shelf B." in top_zones(rows, "today", words)


def test_plan_costs_as_many_traces_for_two_hundred_zones(poller, fake_hub, make):
    fake_hub.store["zones"] = [make.zone(f"z{n}", f"Z{n}", None, x=n % 20, y=n // 20) for n in range(200)]
    snapshot = poller.look(20_000).snapshot
    assert len(floor_figure(zone_rows(snapshot), Words("en"), "today", height=300).data) <= 8


def test_zones_too_small_for_their_names_are_named_beside_the_plan(poller, fake_hub, make):
    fake_hub.store["zones"] = [make.zone(f"z{n}", f"Z{n}", None, x=n % 20, y=n // 20) for n in range(200)]
    fake_hub.zone_states = {f"z{n}": "blind" if n > 150 else "seen" for n in range(200)}
    rows, words = zone_rows(poller.look(20_000).snapshot), Words("en")
    assert is_crowded(rows)
    texts = [
        text
        for one in floor_figure(rows, words, "today", height=300).data
        if one.mode == "text"
        for text in one.text
    ]
    assert not any("Z" in text for text in texts)
    assert "No zone is lively right now. Blind: Z151; Z152; Z153; Z154; Z155; Z156; Z157; Z158 …." in top_zones(
        rows, "today", words
    )  # fmt: skip


def test_plan_is_as_high_as_its_shape_asks_within_bounds(poller, fake_hub, make):
    assert not is_crowded(zone_rows(poller.latest(None).snapshot))
    for far, high in ((3.3, 400), (0.0, 160), (30.0, 500)):
        fake_hub.store["zones"] = [
            make.zone("a", "A", None, w=9.3, h=0.5),
            make.zone("b", "B", None, y=far, h=0),
        ]
        fake_hub.position += 1
        rows = zone_rows(poller.look(20_000).snapshot)
        assert fitting_height(rows, width=1000, most=500) == high


def test_tasks_are_five_at_most_and_keep_their_order(poller):
    urgent, more = tasks(poller.latest(None).snapshot)
    assert [task.kind for task in urgent] == ["approve", "blind", "sold_out", "unmapped"]
    assert more == 0


@given(st.text(max_size=20))
def test_search_finds_what_contains_the_text(text):
    assert matching([], text) == []


def test_server_options_that_matter():
    chosen = options(host="127.0.0.1", port=1)
    assert chosen["runner.postScriptGC"] is False
    assert chosen["server.address"] == "127.0.0.1"
    assert chosen["server.enableXsrfProtection"] is True
    assert chosen["browser.gatherUsageStats"] is False
    assert chosen["server.allowedHosts"] == ["127.0.0.1", "localhost"]
    from streamlit import config

    assert set(chosen) <= set(config.get_config_options())
