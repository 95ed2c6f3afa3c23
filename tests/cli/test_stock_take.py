"""``shelfwise stock-take`` against a hub's API on a real port: a count from file to posting, and errors as one sentence."""

import pytest
from typer.testing import CliRunner

from cli.stock_take import batches, stock_take_app
from contract.errors import ConfigError, LinkError, ShelfwiseError
from contract.messages import TagArrived
from hub.app import wall_clock
from hub.config import HubSettings

STORE = '[store]\nid = "popup-1"\nname = "Pop-up"\ntimezone = "Asia/Shanghai"\n\n[[zones]]\nid = "shelf-a"\n'


def epc(number):
    return f"E2{number:022X}"


@pytest.fixture
def hub_url(tmp_path, serve_hub):
    """The address of a hub with three tagged rings on shelf-a."""
    (tmp_path / "store.toml").write_text(STORE)
    (tmp_path / "products.csv").write_text("sku,name,price\nring,Ring,100\nbead,Bead,2\n")
    (tmp_path / "bindings.csv").write_text("epc,sku\n" + "".join(f"{epc(n)},ring\n" for n in range(9)))
    settings = HubSettings(
        database=str(tmp_path / "hub.db"),
        stores=(str(tmp_path / "store.toml"),),
        products=str(tmp_path / "products.csv"),
        bindings=str(tmp_path / "bindings.csv"),
        replan_minutes=0,
    )
    arrived = [TagArrived(at=1_790_000_000_000, device="r", epc=epc(n), zone="shelf-a") for n in range(3)]
    return serve_hub(settings, wall_clock, arrived)


@pytest.fixture
def say(hub_url):
    def run(command, *words, take="may"):
        shared = ["--store", "popup-1", "--hub-url", hub_url, *(("--take", take) if take else ())]
        return CliRunner().invoke(stock_take_app, [command, *words, *shared])

    return run


def test_a_count_goes_from_file_to_posting(say, tmp_path):
    reads = tmp_path / "reads.csv"
    reads.write_text(f"epc,read_at\n{epc(0)},2026-10-01T21:00:00+08:00\n{epc(1)},\n{epc(7)},\n")
    beads = tmp_path / "beads.csv"
    beads.write_text("code,quantity,zone\nbead,4,shelf-a\n")
    assert say("open", "--zone", "shelf-a", "--by", "li").output == "may: open\n"
    assert say("count", str(reads), "--zone", "shelf-a").output == "may: counting\n"
    assert say("count", str(reads), "--zone", "shelf-a").output == "may: counting, as before\n"
    assert say("count", str(beads), "--way", "scanner").exit_code == 0
    closed = say("close", "--by", "li")
    assert closed.output.startswith("may: closed\n")
    assert "2 batches" in closed.output
    shown = say("show", "--tags").output
    assert f"missing {epc(2)} ring shelf-a" in shown
    assert f"unexpected {epc(7)} ring shelf-a" in shown
    assert say("approve", "--by", "wang").output == "may: approved\n"
    assert say("approve", "--by", "wang").output == "may: approved, as before\n"
    assert say("show", take="").output == "may: approved, shelf-a\n"
    refused = say("cancel")
    assert isinstance(refused.exception, ShelfwiseError)
    assert "approved and posted" in str(refused.exception)


def test_a_hub_that_is_away_is_one_sentence(say):
    words = ["show", "--store", "popup-1", "--hub-url", "http://127.0.0.1:1"]
    shown = CliRunner().invoke(stock_take_app, words)
    assert isinstance(shown.exception, LinkError)
    with pytest.raises(ConfigError, match="does not start with"):
        CliRunner().invoke(stock_take_app, [*words[:-1], "ftp://x"], catch_exceptions=False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epc\nxyz\n", "line 2, column 'epc'"),
        ("epc,read_at\nE200,noon\n", "RFC 3339"),
        ("code,quantity\nbead,-1\n", "0 to 1000000"),
        ("code\nbead\n", "'quantity' is missing"),
        ("epc,colour\nE200,red\n", "'colour' is not known"),
    ],
)
def test_a_wrong_row_names_file_line_and_column(text, words):
    with pytest.raises(ConfigError, match=words):
        list(batches(text, "c.csv", zone="a", way="", by=""))


def test_a_file_without_zone_or_of_the_wrong_way_is_refused():
    with pytest.raises(ConfigError, match="which zone"):
        list(batches("epc\nE200\n", "c.csv", zone="", way="", by=""))
    with pytest.raises(ConfigError, match="not counted by 'hand'"):
        list(batches("epc\nE200\n", "c.csv", zone="a", way="hand", by=""))


def test_an_empty_file_of_tags_says_that_the_zone_was_empty_and_a_long_one_is_cut():
    (empty,) = batches("epc\n", "c.csv", zone="a", way="", by="")
    assert (empty["zone"], empty["epcs"]) == ("a", [])
    rows = "".join(f"{epc(n)}\n" for n in range(5_001))
    first, second = batches("epc\n" + rows, "c.csv", zone="a", way="", by="")
    assert (len(first["epcs"]), len(second["epcs"])) == (5_000, 1)
    assert first["batch_id"] != second["batch_id"]
