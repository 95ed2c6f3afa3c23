"""Each page against a hub in every state a shop can be in; no browser, no timers."""

import pytest

PAGES = ("now", "floor", "stock", "orders", "gate", "setup")


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_draws_in_both_languages(page, shown, name, language):
    test = page(name, lang=language)
    assert not test.exception
    text = shown(test)
    assert ("updated" in text) == (language == "en")
    assert ("前更新" in text) == (language == "zh-CN")
    assert ("Liuguang pop-up" if language == "en" else "璃光快闪店") in text


def test_tiles_show_the_hubs_figures(page):
    tiles = {one.label: (one.value, one.delta) for one in page().metric}
    assert tiles["Visitors today"] == ("61", "peak 9")
    assert tiles["In store now"][0] == "3"
    assert tiles["Sold out"][0] == "1"
    assert tiles["Unknown items"][0] == "1"
    assert tiles["To approve"][0] == "1"
    assert tiles["Devices online"] == ("2/3", "blind zones: 1")


def test_most_urgent_first_and_no_more_than_five(page, shown, fake_hub, make):
    fake_hub.orders = [make.order(f"popup-1-{n}", "ocean-heart", n) for n in range(1, 30)]
    text = shown(page())
    assert "Shelf B\u2069 cannot be seen. Check reader-shelves." in text
    assert "Moon Shadow\u2069 is gone; 10 sold." in text
    assert "3 sold under \u2068old-code" in text
    assert text.count("?\n") == 2
    assert "and 27 more" in text


def test_one_device_only_leaves_the_rest_unknown_not_zero(page, fake_hub, make):
    fake_hub.make_empty()
    fake_hub.devices = [make.device("scale-1", {"tray-1": "seen"})]
    fake_hub.zone_states = {"tray-1": "seen"}
    tiles = {one.label: (one.value, one.delta) for one in page().metric}
    assert tiles["Visitors today"] == ("—", "unknown")
    assert tiles["In store now"] == ("—", "unknown")
    assert tiles["Sold out"] == ("—", "unknown")
    assert tiles["Devices online"][0] == "1/1"


# The way to the floor leads over the first page.
@pytest.mark.parametrize(("name", "drawings"), [("now", 1), ("floor", 2)])
def test_viewers_share_one_drawing_and_see_the_same(page, shown, monkeypatch, name, drawings):
    from dashboard import plan, view

    monkeypatch.setattr(view, "SHARED_FOR_MS", 10**12)
    drawn = []
    monkeypatch.setattr(plan, "top_zones", lambda *given: drawn.append(given) or "alt")
    first, second, other = page(name), page(name), page(name, lang="zh-CN")
    assert len(drawn) == 2 * drawings  # once in each language
    assert [one.value for one in second.text] == [one.value for one in first.text]
    assert [(one.label, one.value) for one in second.metric] == [
        (one.label, one.value) for one in first.metric
    ]
    assert shown(first) != shown(other)


def test_empty_store_says_what_to_do(page, shown, fake_hub):
    fake_hub.make_empty()
    for name, words in {
        "now": "run “shelfwise edge run”",
        "floor": "no floor plan yet",
        "stock": "No product is known yet",
        "orders": "The rule has not decided anything yet",
    }.items():
        test = page(name)
        assert not test.exception
        assert words in shown(test)


def test_no_store_at_all(page, shown, fake_hub):
    fake_hub.store = None
    assert "knows no store yet" in shown(page())


def test_unknown_store_in_the_address(page, shown):
    test = page("now", store="elsewhere")
    assert not test.exception
    assert "does not know the store" in shown(test)


def test_hub_never_reached(page, shown, fake_hub):
    fake_hub.stop()
    for name in PAGES:
        test = page(name)
        assert not test.exception
        assert "has not answered yet" in shown(test)


def test_hub_lost_keeps_the_last_picture_under_a_banner(page, shown, fake_hub):
    test = page()
    fake_hub.stop()
    from dashboard import view

    view.shared_poller(fake_hub.url).refresh(5)
    test.run()
    assert not test.exception
    assert "The hub does not answer" in shown(test)
    assert next(one.value for one in test.metric if one.label == "Visitors today") == "61"


def test_slow_hub_does_not_hold_the_page(page, shown, fake_hub):
    fake_hub.delay_s = 3.0
    test = page()
    assert not test.exception
    assert "Waiting for the hub" in shown(test)


def test_broken_answer_is_a_sentence_not_a_traceback(page, shown, fake_hub):
    fake_hub.lines = [{"sku": "half"}]
    test = page()
    assert not test.exception
    assert "has not answered yet" in shown(test)


def test_five_thousand_products(page, shown, fake_hub, make):
    fake_hub.lines = [make.line(f"sku-{n}", f"Thing {n}", f"东西 {n}", 3) for n in range(5000)]
    test = page("stock")
    assert not test.exception
    assert "5,000 of 5,000 products" in shown(test)
    assert len(test.dataframe[0].value) == 100
    narrowed = page("stock", q="东西 4321")
    assert list(narrowed.dataframe[-1].value["SKU"]) == ["sku-4321"]


def test_two_hundred_zones(page, fake_hub, make):
    fake_hub.store = {
        **fake_hub.store,
        "zones": [make.zone(f"z{n}", f"Zone {n}", f"区 {n}", x=n % 20, y=n // 20, w=0.8) for n in range(200)],
    }
    fake_hub.zone_states = {f"z{n}": "seen" for n in range(200)}
    test = page("floor")
    assert not test.exception
    assert len(test.dataframe[0].value) == 200


HOSTILE = [
    "<b>bold</b><script>alert(1)</script>",
    "=HYPERLINK(1)",
    "**x** $y^2$ :red[z] [l](http://x)",
    "שלום עולם",
    "a\u202eb\x00c",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_as_text(page, shown, fake_hub, make, name):
    fake_hub.lines = [
        make.line("s", name, None, None, sold=1),
        make.line(name, None, None, None, sold=1, mapped=False),
    ]
    fake_hub.store["zones"][0]["name"] = name
    fake_hub.store["name"] = name
    fake_hub.orders = [make.order("popup-1-9", "s", 3)]
    clean = name.replace("\u202e", "").replace("\x00", "")
    for where in PAGES:
        test = page(where)
        assert not test.exception
        # Names are drawn as plain text and in grids; nothing that reads markup ever gets one.
        for kind in ("markdown", "caption", "subheader", "info", "warning", "error", "success"):
            assert not any(clean in str(element.value) for element in getattr(test, kind))
        assert any(clean in str(element.value) for element in test.text)


def test_epc_search_shows_the_item_and_its_place(page, shown, fake_hub):
    test = page("stock", q="3036452148001940000003E9")
    from dashboard import view

    view.shared_poller(fake_hub.url).refresh(5)
    test.run()
    items = test.dataframe[0].value
    assert list(items["EPC"]) == ["3036452148001940000003E9"]
    assert list(items["Where"]) == ["Shelf A"]
    assert list(items["Product"]) == ["Ocean Heart"]


def test_search_in_either_language(page):
    assert list(page("stock", q="月影").dataframe[-1].value["SKU"]) == ["moon-shadow"]
    assert list(page("stock", q="MOON").dataframe[-1].value["SKU"]) == ["moon-shadow"]


def label(mac, sku, state, shown, confirmed_sku=None):
    return {
        "mac": mac, "sku": sku, "state": state, "confirmed_sku": confirmed_sku or sku, "confirmed_price": shown, "sent_price": "111.00",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("language", "column", "mark"),
    [("en", "On the label", "update pending"), ("zh-CN", "价签显示", "待更新")],
)
def test_the_price_on_a_label_is_the_one_it_confirmed(page, fake_hub, language, column, mark):
    fake_hub.labels = [
        label("1", "ocean-heart", "confirmed", "299.00"),
        label("2", "ocean-heart", "pending", "329.00"),
        label("3", "starry-river", "differs", None),
        label("4", None, "unassigned", "1.00", "moon-shadow"),
        label("5", "moon-shadow", "differs", "5.00", "ocean-heart"),
    ]
    table = page("stock", lang=language).dataframe[-1].value.set_index("SKU")
    assert table.loc["ocean-heart", column] == f"299.00 / 329.00 ({mark})"
    assert table.loc["starry-river", column] == f"— ({mark})"
    assert table.loc["moon-shadow", column] == f"— ({mark})", "it shows another product's price"


def test_a_store_without_labels_has_no_column_for_them(page):
    assert "On the label" not in page("stock").dataframe[-1].value


def test_uncertain_units_carry_a_question_mark(page):
    table = page("stock").dataframe[-1].value.set_index("SKU")
    assert table.loc["starry-river", "On hand"] == "5 ?"
    assert table.loc["starry-river", "Where"] == "Shelf B 5 ?"
    zones = page("floor").dataframe[-1].value.set_index("Zone")
    assert zones.loc["Shelf B", "State"] == "blind"
    assert zones.loc["Shelf B", "Units"] == "5 ?"
    assert zones.loc["Till"].isna().sum() == 5


def button(test, key):
    return next(one for one in test.button if one.key == key)


def test_approval_takes_two_taps_and_reaches_the_hub_once(page, shown, fake_hub):
    test = page("orders")
    assert "9 sold in 1 d × 2 d to deliver × 1.2 = 21.6 needed" in shown(test)
    assert "rounded up to whole cases" in shown(test)
    button(test, "approve_popup-1-9").click().run()
    assert fake_hub.told == []
    button(test, "confirm_popup-1-9").click().run()
    assert fake_hub.told == ["/v1/stores/popup-1/orders/popup-1-9/approve"]
    assert "Approved." in shown(test)
    assert "No order waits for a decision." in shown(test)


def test_refusal_and_second_thoughts(page, shown, fake_hub):
    test = page("orders")
    button(test, "refuse_popup-1-9").click().run()
    button(test, "back_popup-1-9").click().run()
    button(test, "refuse_popup-1-9").click().run()
    button(test, "confirm_popup-1-9").click().run()
    assert fake_hub.told == ["/v1/stores/popup-1/orders/popup-1-9/refuse"]
    assert "Refused." in shown(test)


def test_somebody_else_decided(page, shown, fake_hub):
    test = page("orders")
    fake_hub.refuse = True
    button(test, "approve_popup-1-9").click().run()
    button(test, "confirm_popup-1-9").click().run()
    assert not test.exception
    assert "The hub said no" in shown(test)


def test_decisions_not_to_order_say_why(page):
    table = page("orders").dataframe[-1].value
    assert list(table["Reason"]) == ["A zone cannot be seen, so the stock is not certain"]
