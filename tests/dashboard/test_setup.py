"""The set-up page against a hub: two taps for a code, a conflict told twice, duplicates in words, labels as confirmed."""

import pytest

from dashboard import view
from dashboard.sections.choosing import SAID_FOR_MS, card


@pytest.fixture
def setup(page, fake_hub):
    """Return a function that runs the page until it has heard of every part."""

    def run(**query):
        test = page("setup", **query)
        view.shared_poller(fake_hub.url).refresh(5)
        test.run()
        assert not test.exception
        return test

    return run


def button(test, key):
    return next(one for one in test.button if one.key == key)


def keys(test):
    return {one.key for one in test.button}


def box(test, key):
    return next(one for one in test.selectbox if one.key == key)


def tag_card(epc, agent="pi-1", tid=None):
    return card("tag", f"{agent} {epc} {tid}")


def test_a_code_gets_its_product_in_two_taps(setup, shown, fake_hub):
    test, key = setup(), card("code", "39072856")
    assert "Units waiting: 4, sale lines: 3" in shown(test)
    button(test, f"open_{key}").click().run()
    assert button(test, f"map_{key}").disabled, "no product is chosen yet"
    box(test, f"product_{key}").select("ocean-heart").run()
    assert fake_hub.told == []
    button(test, f"map_{key}").click().run()
    assert fake_hub.told == ["/v1/pos/mappings"]
    assert fake_hub.bodies == [{"code": "39072856", "sku": "ocean-heart", "by": "dashboard"}]
    assert f"open_{key}" not in keys(test)
    assert "The code has its product now" in shown(test)


def test_products_are_chosen_by_name_or_sku_and_only_those_of_the_catalogue(setup):
    test, key = setup(lang="zh-CN"), card("code", "39072856")
    button(test, f"open_{key}").click().run()
    options = box(test, f"product_{key}").options
    products = {"ocean-heart": "海洋之心", "moon-shadow": "月影", "starry-river": "星河碎片"}
    assert options == [f"\u2068{name}\u2069 · \u2068{sku}\u2069" for sku, name in products.items()]


def test_one_card_is_open_at_a_time_and_back_closes_it(setup):
    test = setup()
    one, other = card("code", "39072856"), card("code", "6975000000017")
    button(test, f"open_{one}").click().run()
    button(test, f"open_{other}").click().run()
    assert {f"open_{one}", f"map_{other}"} <= keys(test)
    assert len([one for one in test.selectbox if one.key.startswith("product_")]) == 1
    button(test, f"back_{other}").click().run()
    assert {f"open_{one}", f"open_{other}"} <= keys(test)


def test_a_new_sale_does_not_move_a_card(setup, fake_hub, make):
    fake_hub.unmapped = [make.code(str(n), first_ms=1_790_000_000_000 + n) for n in range(5)]
    test = setup()
    before = [one.key for one in test.button if one.key.startswith("open_code")]
    fake_hub.unmapped = [
        {**one, "last_ms": one["last_ms"] + 10_000 * index} for index, one in enumerate(reversed(fake_hub.unmapped))
    ]  # fmt: skip
    view.shared_poller(fake_hub.url).refresh(5)
    test.run()
    assert [one.key for one in test.button if one.key.startswith("open_code")] == before


def test_a_refused_mapping_says_so_in_the_hubs_words_and_changes_nothing(setup, shown, fake_hub):
    test, key = setup(), card("code", "39072856")
    button(test, f"open_{key}").click().run()
    box(test, f"product_{key}").select("ocean-heart").run()
    fake_hub.refuse = True
    button(test, f"map_{key}").click().run()
    assert not test.exception
    assert "The hub said no" in shown(test)
    assert "order is cancelled and cannot become approved" in shown(test)
    assert f"map_{key}" in keys(test), "the card stays open"


def test_a_silent_hub_is_said_and_what_was_said_goes_away(setup, shown, fake_hub, monkeypatch):
    test, key = setup(), card("code", "39072856")
    button(test, f"open_{key}").click().run()
    box(test, f"product_{key}").select("ocean-heart").run()
    fake_hub.stop()
    button(test, f"map_{key}").click().run()
    assert not test.exception
    assert "Nothing is lost" in shown(test)
    poller = view.shared_poller(fake_hub.url)
    later = poller.now_ms() + SAID_FOR_MS + 1
    monkeypatch.setattr(poller, "_clock", lambda: later)
    test.run()
    assert "Nothing is lost" not in shown(test)


def test_orders_without_lines_are_pointed_out(setup, shown, fake_hub):
    fake_hub.to_fetch = [{"till": "square", "order_id": "eA3v"}]
    assert "Till orders that came without their lines: 1." in shown(setup())


def test_a_free_tag_is_bound_to_the_scanned_product_in_one_tap(setup, shown, fake_hub):
    test, key = setup(), tag_card("E28011606000020A6681F23F")
    text = shown(test)
    assert "Ocean Heart\u2069 was scanned 9 s ago" in text or "Ocean Heart\u2069 was scanned 1" in text
    assert "Stands for no product yet" in text
    button(test, f"scanned_{key}").click().run()
    assert fake_hub.bodies == [
        {"epc": "E28011606000020A6681F23F", "sku": "ocean-heart", "store": "popup-1", "by": "dashboard", "replace": False}
    ]  # fmt: skip
    assert "The tag is bound." in shown(test)
    assert "Stands for no product yet" not in shown(test)


def test_a_chip_is_named_with_its_tag(setup, fake_hub, make):
    fake_hub.enrolment = [make.station([make.tag("E2", tid="E2801160AAAA")])]
    test, key = setup(), tag_card("E2", tid="E2801160AAAA")
    button(test, f"scanned_{key}").click().run()
    assert (fake_hub.bodies[0]["epc"], fake_hub.bodies[0]["tid"]) == ("E2", "E2801160AAAA")


def test_a_conflict_is_shown_and_needs_a_second_tap(setup, shown, fake_hub):
    test, key = setup(), tag_card("E28011606000020A6681F240")
    button(test, f"open_{key}").click().run()
    assert box(test, f"product_{key}").value == "ocean-heart", "the one scanned last is offered"
    box(test, f"product_{key}").select("starry-river").run()
    button(test, f"bind_{key}").click().run()
    assert fake_hub.enrolment[0]["tags"][1]["sku"] == "moon-shadow"
    text = shown(test)
    assert "Stands for \u2068Moon Shadow" in text
    assert "Nothing has changed yet. Replace that with \u2068Starry River" in text
    button(test, f"replace_{key}").click().run()
    assert [body["replace"] for body in fake_hub.bodies] == [False, True]
    assert fake_hub.enrolment[0]["tags"][1]["sku"] == "starry-river"
    assert "Bound already" not in shown(test)


def test_a_conflict_may_be_left_as_it_is(setup, shown, fake_hub):
    test, key = setup(), tag_card("E28011606000020A6681F240")
    button(test, f"scanned_{key}").click().run()
    button(test, f"back_{key}").click().run()
    assert [body["replace"] for body in fake_hub.bodies] == [False]
    assert "Bound already" not in shown(test)
    assert fake_hub.enrolment[0]["tags"][1]["sku"] == "moon-shadow"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"code": None, "sku": None, "name": None}, "nothing scanned yet"),
        ({"sku": None, "name": None}, "no product has that code"),
        ({"still": False}, "too long ago to count by itself"),
    ],
)
def test_what_a_scan_means_is_said(setup, shown, fake_hub, make, given, said):
    fake_hub.enrolment = [make.station(**given)]
    text = shown(setup())
    assert said in text
    assert "No tag was on this antenna" in text


def test_the_log_says_who_when_and_how(setup):
    log = next(one.value for one in setup().dataframe if "How" in one.value)
    assert list(log["Product"]) == ["Moon Shadow", "unbound"]
    assert list(log["How"]) == ["at the station", "by hand"]
    assert list(log["Who"]) == ["pi-1", "li"]
    assert list(log["Tag"]) == ["E28011606000020A6681F240", "E28011606000020A6681F241"]


def test_every_kind_of_duplicate_is_said_in_words(setup, shown):
    text = shown(setup()).replace("\u2068", "").replace("\u2069", "")
    assert "E28011606000020A6681F23F was bound in turn to Moon Shadow (" in text
    assert "), Ocean Heart (" in text
    assert "300000000000000000000001 is worn by several chips: E2801160AAAA (" in text
    assert (
        "3036452148001940000003E9 is seen at the same time in Window (reader-window), shelf-a (popup-2)"
        in text
    )


def test_a_kind_this_screen_does_not_know_is_shown_all_the_same(setup, shown, fake_hub):
    fake_hub.duplicates = {"three_colours": [{"epc": "E2", "found": [{"colour": "red", "n": None}]}]}
    text = shown(setup()).replace("\u2068", "").replace("\u2069", "")
    assert "E2: three_colours: red" in text


def test_many_duplicates_of_one_kind_do_not_hide_another(setup, shown, fake_hub):
    twice = fake_hub.duplicates["bound_twice"][0]
    fake_hub.duplicates["bound_twice"] = [{**twice, "epc": f"E2{n:04d}"} for n in range(50)]
    text = shown(setup())
    assert "is seen at the same time" in text
    assert "and 40 more" in text


def test_labels_show_the_confirmed_price_and_mark_what_is_not(setup, shown, fake_hub, make):
    fake_hub.labels = [
        make.label("A1", "ocean-heart", "confirmed", "268.00", "268.00"),
        make.label("B2", "moon-shadow", "pending", "299.00"),
        make.label("C3", "starry-river", "differs", "99.00", "88.00", currency="USD"),
        make.label("D4", "moon-shadow", "differs", "99.00", "88.00", confirmed_sku="ocean-heart"),
        make.label("E5", None, "unassigned"),
    ]
    test = setup()
    assert "Not shown as it should be: 4 of 5 labels" in shown(test)
    table = next(one.value for one in test.dataframe if "Confirmed" in one.value).set_index("Label")
    assert list(table.index) == ["B2", "C3", "D4", "E5", "A1"], "those that need a look come first"
    assert table.loc["A1", ["Status", "Should show", "Confirmed"]].tolist() == [
        "confirmed",
        "268.00",
        "268.00",
    ]
    assert table.loc["B2", "Status"] == "⚠ sent, not confirmed"
    assert table.loc[["B2", "E5"], "Confirmed"].isna().all(), "unknown is no zero and not the price sent"
    assert table.loc["C3", "Confirmed"] == "88.00 USD"
    assert table.loc["D4", "Confirmed"] == "88.00 (Ocean Heart)"
    assert list(table.loc[["B2", "E5"], "Confirmed at"]) == ["—", "—"]


def test_a_label_is_assigned_to_a_product(setup, shown, fake_hub, make):
    fake_hub.labels = [make.label("0000021EE3B01234", None, "unassigned", agent=None)]
    test = setup()
    button(test, "open_label_form").click().run()
    box(test, "mac_label_form").select("0000021EE3B01234").run()
    box(test, "product_label_form").select("ocean-heart").run()
    button(test, "assign_label_form").click().run()
    assert fake_hub.told == ["/v1/stores/popup-1/labels/0000021EE3B01234"]
    assert fake_hub.bodies == [
        {"sku": "ocean-heart", "agent": "pi-1", "device": "labels-1", "language": "en", "by": "dashboard"}
    ]
    assert "counts as shown when the label confirms" in shown(test)


def test_a_label_nobody_knows_is_assigned_by_its_number(setup, fake_hub):
    fake_hub.streams.append({"agent": "pi-2", "stream": "s2"})
    test = setup(lang="zh-CN")
    button(test, "open_label_form").click().run()
    next(one for one in test.text_input if one.key == "number_label_form").input(" 0000021ee3b09999 ").run()
    box(test, "product_label_form").select("moon-shadow").run()
    assert button(test, "assign_label_form").disabled
    box(test, "agent_label_form").select("pi-2").run()
    box(test, "device_label_form").select("reader-window").run()
    button(test, "assign_label_form").click().run()
    assert fake_hub.told == ["/v1/stores/popup-1/labels/0000021ee3b09999"]
    assert fake_hub.bodies == [
        {
            "sku": "moon-shadow",
            "agent": "pi-2",
            "device": "reader-window",
            "language": "zh-CN",
            "by": "dashboard",
        }
    ]


def test_every_section_says_how_old_it_is(setup, shown):
    assert shown(setup()).count("updated") == 6


def test_empty_sections_say_what_comes_next(setup, shown, fake_hub):
    fake_hub.make_empty()
    text = shown(setup())
    for said in (
        "Every code the till sends has a product", "Describe a barcode scanner and an enrolment antenna", "Nothing was bound yet",
        "No tag was found twice", "Connect a label gateway",
    ):  # fmt: skip
        assert said in text


def test_a_part_the_hub_does_not_know_leaves_the_others_alone(setup, shown, fake_hub):
    fake_hub.missing = ("/v1/pos/unmapped",)
    test = setup()
    text = shown(test)
    assert "The hub has no answer to this yet" in text
    assert "Stands for no product yet" in text
    assert "The hub does not answer" not in text, "the picture of the store is not old"


def test_hub_lost_keeps_the_last_picture_under_a_banner(setup, shown, fake_hub):
    test = setup()
    fake_hub.stop()
    view.shared_poller(fake_hub.url).refresh(5)
    test.run()
    assert not test.exception
    assert "The hub does not answer" in shown(test)
    assert "39072856" in shown(test)
    assert "Stands for no product yet" in shown(test)


HOSTILE = [
    "<b>bold</b><script>alert(1)</script>",
    "=HYPERLINK(1)",
    "**x** $y^2$ :red[z] [l](http://x)",
    "שלום עולם",
    "a\u202eb\x00c",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_as_text(setup, shown, fake_hub, make, name):
    fake_hub.lines[0]["name"] = name
    fake_hub.unmapped = [make.code(name)]
    fake_hub.enrolment = [
        make.station([make.tag("E2", "x", name, way="tid")], "ocean-heart", name, None, code=name)
    ]
    fake_hub.commissioning = [make.logged("E2", name, name, name)]
    fake_hub.duplicates = {
        name: [{"epc": name, "found": [{"x": name}]}],
        "bound_twice": [{"epc": name, "found": [{"sku": name, "at_ms": name}]}],
        "two_places": [{"epc": name, "found": [{"zone": name, "store": name, "device": name}]}],
    }
    fake_hub.labels = [make.label(name, name, name, name, name, name=name, currency=name)]
    test = setup()
    button(test, f"open_{card('code', name)}").click().run()
    clean = name.replace("\u202e", "").replace("\x00", "")
    text = shown(test)
    assert text.count(clean) > 6
    assert "\u202e" not in text
    for kind in ("markdown", "caption", "subheader", "info", "warning", "error", "success", "button"):
        for element in getattr(test, kind):
            assert clean not in str(getattr(element, "label", None) or element.value)
