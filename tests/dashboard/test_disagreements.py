"""Disagreements on the stock page: where, what each side says, and nothing while all agree."""

import pytest

from dashboard import view


@pytest.fixture
def stock(page, fake_hub):
    """Return a function that runs the stock page until it has heard of disagreements."""

    def run(**query):
        test = page("stock", **query)
        view.shared_poller(fake_hub.url).refresh(5)
        test.run()
        assert not test.exception
        return test

    return run


def doubt(why, rfid, units, grams=None):
    return {
        "zone": "window", "why": why, "at_ms": 1_790_000_000_000, "rfid_units": rfid, "weight_units": units,
        "weight_g": grams,
    }  # fmt: skip


def test_a_store_where_all_agree_shows_no_section(stock, shown):
    assert "disagree" not in shown(stock())


@pytest.mark.parametrize(
    ("language", "said"), [("en", "RFID +0 units, weight -1 units"), ("zh-CN", "称重 -1 件")]
)
def test_each_is_one_sentence_in_both_languages(stock, shown, fake_hub, language, said):
    fake_hub.disagreements = [doubt("weight_only", 0, -1), doubt("count_differs", -1, None, -52.4)]
    text = shown(stock(lang=language))
    assert said in text
    assert "-52" in text
