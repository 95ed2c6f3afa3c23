"""``shelfwise gate`` against a running hub on a real port."""

import pytest
from typer.testing import CliRunner

from cli.main import build
from contract.messages import GateBatch, GatePassage
from hub.config import HubSettings

T0 = 1_790_000_000_000


def epc(number):
    return f"E2{number:022X}"


@pytest.fixture
def hub_url(tmp_path, serve_hub):
    """A hub on a port of its own, to which a gate has told of one batch."""
    (tmp_path / "store.toml").write_text('[store]\nid = "popup-1"\n')
    settings = HubSettings(
        database=str(tmp_path / "hub.db"), stores=(str(tmp_path / "store.toml"),), replan_minutes=0
    )
    passages = tuple(GatePassage(epc=epc(n), direction="in", probability=1.0) for n in (1, 2))
    told = GateBatch(
        at=T0, device="r-1", batch_id="b-1", gate="gate-1", started_at=T0 - 9, passages=passages, undecided=(epc(3),)
    )  # fmt: skip
    return serve_hub(settings, lambda: T0, [told])


@pytest.fixture
def run(hub_url):
    def call(*words, store=("--store", "popup-1")):
        return CliRunner().invoke(build("gate"), ["gate", *words, *store, "--hub-url", hub_url])

    return call


def test_announce_look_and_confirm(run, tmp_path):
    file = tmp_path / "asn.csv"
    file.write_text(f"notice_id,epc,sku,quantity\nasn-1,{epc(1)},,\nasn-1,,ring,4\n")
    expect = ("expect", str(file), "--gate", "gate-1")
    assert run(*expect).output == "1 notices recorded, 0 known already\n"
    assert run(*expect).output == "0 notices recorded, 1 known already\n"
    listed = run("batches").output
    assert "b-1  2026-09-21T14:13:20+00:00  gate-1 in  waiting  against asn-1" in listed
    assert "expected 1  missing 4  unexpected 1  undecided 1" in listed
    shown = run("show", "b-1").output.splitlines()
    assert shown[1:] == [
        f"  expected  {epc(1)}",
        "  missing  4 × ring",
        f"  unexpected  {epc(2)}",
        f"  undecided  {epc(3)}",
    ]
    refused = run("confirm", "b-1", "--by", "li")
    assert "2 EPCs are unexpected or undecided" in str(refused.exception)
    confirm = ("confirm", "b-1", "--by", "li", "--accept", epc(3).lower(), "--reject-all")
    assert run(*confirm).output.splitlines() == [
        "b-1 is confirmed: 2 units received as gate:b-1",
        "notice asn-1 is open",
    ]
    assert "b-1 was confirmed already: 2 units received" in run(*confirm).output
    assert run("notices").output == "asn-1  gate-1 in  open  4 of 5 open\n"
    assert run("close", "asn-1", "--by", "li").output == "asn-1 is closed; 4 of 5 had not come\n"
    assert run("notices", "--state", "open").output == "nothing was announced\n"
    assert '"batch_id": "b-1"' in run("batches", "--json").output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "b-9"), "no gate has told of a batch 'b-9' in store 'popup-1'"),
        (("show", "B 9"), "batch id 'B 9' is not allowed"),
        (("close", "nine"), "notice 'nine' is not known in store 'popup-1'"),
        (("confirm", "b-1", "--by", "li", "--accept", "zz"), "--accept: EPC 'zz' is not hex"),
        (("expect", "/nowhere/asn.csv"), "/nowhere/asn.csv: cannot be read: No such file"),
    ],
)
def test_errors_are_one_sentence(run, words, sentence):
    assert sentence in str(run(*words).exception)


def test_a_bad_file_names_line_and_column(run, tmp_path):
    file = tmp_path / "asn.csv"
    file.write_text("notice_id,epc\nasn-1,zz\n")
    assert str(run("expect", str(file), "--gate", "gate-1").exception) == (
        "asn.csv line 2, column 'epc': 'zz' is not an EPC in hex of whole 16-bit words"
    )


def test_a_hub_that_is_not_there():
    for url, sentence in (("http://127.0.0.1:1", "does not answer"), ("hub", "does not start with http://")):
        words = ["gate", "batches", "--store", "popup-1", "--hub-url", url]
        assert sentence in str(CliRunner().invoke(build("gate"), words).exception)
