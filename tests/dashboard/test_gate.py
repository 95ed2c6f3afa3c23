"""The gate page against a hub: the last batch in words and figures, two taps that book once, nothing moves meanwhile."""

import pytest

from dashboard import view
from dashboard.sections.choosing import card

KEY = card("batch", "b-2")
CONFIRM = "/v1/gate/batches/b-2/confirm"


@pytest.fixture
def dock(fake_hub, make):
    """A hub with a gate: a batch with one tag of each kind, one before it, and a notice."""
    fake_hub.store["gates"] = ["gate-1"]
    heart = ("ocean-heart", "Ocean Heart", "海洋之心")
    fake_hub.gate_batches = [
        make.gate_batch(
            "b-2",
            expected=[make.gate_tag("E201", *heart), make.gate_tag("3174", sscc="106141412345678908")],
            unexpected=[make.gate_tag("E202")],
            undecided=[make.gate_tag("E203", *heart)],
            missing=[make.gate_tag("E204", *heart)],
            missing_units={"moon-shadow": 3},
        ),
        make.gate_batch("b-1", state="confirmed", ago_ms=900_000, expected=[make.gate_tag("E205", *heart)]),
    ]
    fake_hub.notices = [make.notice()]
    return fake_hub


@pytest.fixture
def gate(page, fake_hub):
    """Return a function that runs the page until it has heard of the batch."""

    def run(**query):
        test = page("gate", **query)
        for _ in range(2):  # the list first, then the batch it names
            view.shared_poller(fake_hub.url).refresh(5)
            test.run()
        assert not test.exception
        return test

    return run


def button(test, key):
    return next(one for one in test.button if one.key == key)


def keys(test):
    return {one.key for one in test.button}


def tabs(test):
    return {one.proto.label for one in test.get("page_link")}


def test_a_store_without_a_gate_has_no_tab_for_one(page, fake_hub):
    assert "Gate" not in tabs(page())
    fake_hub.store["gates"] = ["gate-1"]
    view.shared_poller(fake_hub.url)._stores_ms = None
    view.shared_poller(fake_hub.url).refresh(5)
    assert "Gate" in tabs(page())


def test_the_last_batch_is_told_in_figures_and_words(gate, shown, dock):
    test = gate()
    assert {one.label: one.value for one in test.metric} == {
        "Expected": "2",
        "Missing": "4",
        "Unexpected": "1",
        "Undecided": "1",
    }
    text = shown(test)
    assert "In through \u2068gate-1\u2069" in text
    assert "Compared with notice \u2068asn-1\u2069" in text
    assert "not everything was expected" in text
    assert [next(iter(one.value.columns)) for one in test.dataframe[:4]] == ["Product"] * 4
    missing = next(one.value for one in test.dataframe if "Moon Shadow" in list(one.value.iloc[:, 0]))
    assert list(missing["Units"]) == [1, 3]
    assert "4 of 9" in text
    assert "carton 106141412345678908" in text


def test_it_speaks_chinese(gate, shown, dock):
    text = shown(gate(lang="zh-CN"))
    assert "经 \u2068gate-1\u2069 进入" in text
    assert "海洋之心" in text
    assert "全部确认：3 件" in text


@pytest.mark.parametrize(
    ("first", "sure", "accept", "reject"),
    [
        ("all", "Yes, 3 units have come in", ["E202", "E203"], []),
        ("expected", "Yes, 1 units have come in", [], ["E202", "E203"]),
    ],
)
def test_two_taps_book_and_say_what_of_the_doubtful_counts(gate, shown, dock, first, sure, accept, reject):
    test = gate()
    button(test, f"{first}_{KEY}").click().run()
    assert dock.told == [], "one tap books nothing"
    assert button(test, f"sure_{KEY}").label == sure
    button(test, f"sure_{KEY}").click().run()
    assert dock.told == [CONFIRM]
    assert dock.bodies == [{"by": "dashboard", "accept": accept, "reject": reject}]
    view.shared_poller(dock.url).refresh(5)
    test.run()
    assert "Booked." in shown(test)
    assert not {f"all_{KEY}", f"sure_{KEY}"} & keys(test)


def test_each_doubtful_tag_can_have_a_word_of_its_own(gate, dock):
    test = gate()
    button(test, f"open_{KEY}").click().run()
    test.multiselect[0].select("E203").run()
    assert button(test, f"sure_{KEY}").label == "Yes, 2 units have come in"
    button(test, f"sure_{KEY}").click().run()
    assert dock.bodies == [{"by": "dashboard", "accept": ["E203"], "reject": ["E202"]}]


def test_a_batch_without_doubt_takes_two_taps_and_back_takes_none(gate, dock, make):
    dock.gate_batches = [make.gate_batch("b-2", way="out", expected=[make.gate_tag("E201")])]
    test = gate()
    button(test, f"book_{KEY}").click().run()
    button(test, f"back_{KEY}").click().run()
    assert dock.told == []
    button(test, f"book_{KEY}").click().run()
    assert button(test, f"sure_{KEY}").label == "Yes, 1 units have left"
    button(test, f"sure_{KEY}").click().run()
    assert dock.told == [CONFIRM]


def test_a_new_batch_waits_while_somebody_books(gate, dock, make):
    test = gate()
    button(test, f"all_{KEY}").click().run()
    dock.gate_batches.insert(0, make.gate_batch("b-3", ago_ms=0, expected=[make.gate_tag("E206")]))
    view.shared_poller(dock.url).refresh(5)
    test.run()
    assert f"sure_{KEY}" in keys(test)
    button(test, f"back_{KEY}").click().run()
    view.shared_poller(dock.url).refresh(5)
    test.run()
    assert f"book_{card('batch', 'b-3')}" in keys(test)


def test_the_hubs_refusal_is_shown_in_its_words(gate, shown, dock):
    test = gate()
    dock.refuse = True
    button(test, f"all_{KEY}").click().run()
    button(test, f"sure_{KEY}").click().run()
    assert "cannot become approved" in shown(test)


def test_another_batch_can_be_chosen(gate, shown, dock):
    test = gate()
    box = next(one for one in test.selectbox if one.key == "choose_batch")
    box.select_index(1).run()
    view.shared_poller(dock.url).refresh(5)
    test.run()
    assert "Booked at" in shown(test)


def test_nothing_yet(gate, shown, fake_hub):
    fake_hub.store["gates"] = ["gate-1"]
    text = shown(gate())
    assert "Nothing came through a gate yet" in text
    assert "Nothing is announced" in text


@pytest.mark.parametrize("name", ["<b>x</b>", "**x** :red[y]", "שלום", "a\u202eb"])
def test_hostile_names_are_text(gate, dock, make, name):
    dock.gate_batches = [make.gate_batch("b-2", notice=name, expected=[make.gate_tag("E201", "s", name)])]
    dock.notices = [make.notice(name)]
    test = gate()
    clean = name.replace("\u202e", "")
    for kind in ("markdown", "caption", "subheader", "info", "warning", "error", "success"):
        assert not any(clean in str(element.value) for element in getattr(test, kind))
    assert any(clean in str(element.value) for element in test.text)
