"""Stock-takes on the stock page: what waits comes first, the variance as told, approved in two taps by a name."""

import pytest

from dashboard import view
from dashboard.sections.choosing import card

EPC = "3036452148001940000003E9"


@pytest.fixture
def stock(page, fake_hub):
    """Return a function that runs the stock page until it has heard of the stock-takes."""

    def run(**query):
        test = page("stock", **query)
        view.shared_poller(fake_hub.url).refresh(5)
        test.run()
        assert not test.exception
        return test

    return run


def button(test, name, take):
    return next(one for one in test.button if one.key == f"{name}_{card('take', take)}")


def keys(test):
    return {one.key for one in test.button}


def table(test):
    (found,) = [one.value for one in test.dataframe if "Missing" in one.value or "未找到" in one.value]
    return found


def test_a_store_that_never_counted_shows_no_section(stock, shown):
    assert "Stock-takes" not in shown(stock())


def test_the_variance_names_what_differs_and_counts_what_does_not(stock, shown, fake_hub, make):
    fake_hub.stock_takes = [
        make.stock_take("june", "counting", zones=()),
        make.stock_take(
            "may",
            "closed",
            [
                make.variance("ocean-heart", "Ocean Heart", "海洋之心", 8, 7, missing=[EPC]),
                make.variance("moon-shadow", "Moon Shadow", "月影", 3, 3),
                make.variance("starry-river", "Starry River", "星河碎片", 2, None, place=None),
                make.variance(None, None, None, 0, 1, unexpected=["E2AA"]),
            ],
            not_counted=["window"],
        ),
    ]
    test = stock()
    text = shown(test)
    assert text.index("may · waits for approval") < text.index("june · counting")
    assert "whole store" in text
    assert "Not counted, stays as it is: Window" in text
    assert "As expected: 2 lines" in text
    rows = table(test)
    assert list(rows["Difference"]) == [-1, 1]
    assert (rows["Missing"].iloc[0], rows["Unexpected"].iloc[1]) == (EPC, "E2AA")
    chinese = stock(lang="zh-CN")
    assert list(table(chinese)["差异"]) == [-1, 1]
    assert "待批准" in shown(chinese)


def test_an_approval_takes_two_taps_and_a_name(stock, shown, fake_hub, make):
    fake_hub.stock_takes = [make.stock_take("may", "closed", [make.variance("ocean-heart", "O", "海", 8, 7)])]
    test = stock()
    button(test, "open", "may").click().run()
    assert button(test, "post", "may").disabled, "nobody is named"
    next(one for one in test.text_input if one.key.startswith("name_")).set_value("  Wang ").run()
    assert fake_hub.told == []
    button(test, "post", "may").click().run()
    assert not test.exception
    assert fake_hub.told == ["/v1/stores/popup-1/stock-takes/may/approve"]
    assert fake_hub.bodies == [{"by": "Wang"}]
    assert "The count is posted" in shown(test)
    assert not {key for key in keys(test) if key.startswith("open_take")}


def test_a_refusal_is_said_in_the_hubs_words_and_the_card_stays(stock, shown, fake_hub, make):
    fake_hub.stock_takes = [make.stock_take("may", "closed", [make.variance("ocean-heart", "O", "海", 8, 7)])]
    test = stock()
    button(test, "open", "may").click().run()
    next(one for one in test.text_input if one.key.startswith("name_")).set_value("Wang").run()
    fake_hub.refuse = True
    button(test, "post", "may").click().run()
    assert "The hub said no" in shown(test)
    button(test, "back", "may").click().run()
    assert button(test, "open", "may")


@pytest.mark.parametrize("answer", [{"rows": []}, [{"stock_take_id": "x"}]])
def test_an_answer_that_is_none_leaves_the_rest_of_the_page(stock, shown, fake_hub, monkeypatch, answer):
    genuine = fake_hub.get
    monkeypatch.setattr(
        fake_hub,
        "get",
        lambda path, query: (200, answer) if path.endswith("/stock-takes") else genuine(path, query),
    )
    text = shown(stock())
    assert "Stock-takes" not in text
    assert "products" in text
