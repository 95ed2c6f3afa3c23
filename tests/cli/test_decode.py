"""``shelfwise decode``: every golden frame and payload, and what a user gets wrong."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.decoding import decode_lines, protocols
from cli.decoding.command import decode, decode_epc_line
from contract.errors import ConfigError

GOLDEN = Path(__file__).parents[1] / "golden"
KINDS = {"recorded", "documented", "derived"}


def wire_cases(protocol):
    kind = source = None
    for number, line in enumerate((GOLDEN / "wire" / f"{protocol}.txt").read_text("utf-8").splitlines(), 1):
        if line.startswith("# kind:"):
            kind = line.split(":", 1)[1].strip()
        elif line.startswith("# source:"):
            source = line.split(":", 1)[1].strip()
        elif line and not line.startswith("#"):
            text, _, expected = line.partition("=>")
            yield pytest.param(
                protocol, kind, source, text.strip(), json.loads(expected), id=f"{protocol}:{number}"
            )
            kind = source = None


WIRE = [
    case
    for protocol in sorted(path.stem for path in (GOLDEN / "wire").glob("*.txt"))
    for case in wire_cases(protocol)
]
PAYLOADS = sorted((GOLDEN / "payloads").glob("*.expected.json"))


def listed(expected):
    return expected if isinstance(expected, list) else [expected]


@pytest.mark.parametrize(("protocol", "kind", "source", "text", "expected"), WIRE)
def test_golden_frames_decode(protocol, kind, source, text, expected):
    assert kind in KINDS, "each frame says what kind of evidence it is"
    assert source, "each frame names its source"
    assert list(decode_lines(protocol, bytes.fromhex(text))) == listed(expected)


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_golden_payloads_decode(path):
    golden = json.loads(path.read_text("utf-8"))
    payload = path.with_name(path.name.replace(".expected", "")).read_bytes()
    assert golden["kind"] in KINDS
    assert golden["source"]
    assert list(decode_lines(golden["protocol"], payload)) == golden["expected"]


SAME_WIRE = {"r700": "impinj_r700"}
"""Protocols that are another one under a second name."""


def test_there_is_evidence_for_each_protocol():
    evident = {case.values[0] for case in WIRE if case.values[1] != "derived"}
    evident |= {
        golden["protocol"]
        for golden in (json.loads(path.read_text("utf-8")) for path in PAYLOADS)
        if golden["kind"] != "derived"
    }
    assert set(protocols()) - set(SAME_WIRE) == evident


@pytest.mark.parametrize("spelling", ["mt_sics", "mt-sics", "MT-SICS"])
def test_spellings(spelling):
    assert list(decode_lines(spelling, b"S S     100.00 g\r\n")) == [
        {"kind": "weight", "weight_g": 100.0, "stable": True}
    ]


def test_the_end_of_input_flushes_half_a_frame():
    assert list(decode_lines("m100", bytes.fromhex("BB0108"))) == [
        {"kind": "reject", "reason": "truncated", "bytes": "BB0108"}
    ]


def test_unknown_protocol_names_the_known_ones():
    with pytest.raises(ConfigError, match=r"'m1000'; known are .*m100.*mt_sics"):
        decode_lines("m1000", b"")


def test_epc_line():
    # SGTIN-96 example of the GS1 EPC Tag Data Standard: 614141.812345.6789
    assert decode_epc_line("3074257bf7194e4000001a85") == {
        "kind": "epc",
        "uri": "urn:epc:id:sgtin:0614141.812345.6789",
        "gtin": "80614141123458",
        "serial": "6789",
    }
    # SSCC-96 example of the same: only an SGTIN has a GTIN
    assert decode_epc_line("3174257BF4499602D2000000") == {
        "kind": "epc",
        "uri": "urn:epc:id:sscc:0614141.1234567890",
        "gtin": None,
        "serial": None,
    }
    assert decode_epc_line("E28011606000020A6681F23F")["reason"] == "not_gs1"
    assert decode_epc_line("xyz") == {"kind": "reject", "reason": "bad_epc", "bytes": "xyz"}


@pytest.fixture
def run():
    app = typer.Typer()
    app.command("decode")(decode)
    runner = CliRunner()
    return lambda *arguments, **options: runner.invoke(app, list(arguments), **options)


def test_hex_arguments_are_joined(run):
    result = run("m100", "BB", "01", "FF000115", "167E")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"kind": "status", "what": "no_tag", "detail": None}


def test_one_object_per_line(run):
    result = run("m100", "00BB01FF000115167E")
    assert [json.loads(line)["kind"] for line in result.stdout.splitlines()] == ["reject", "status"]


@pytest.mark.parametrize("content", [bytes.fromhex("BB01FF000115167E"), b"BB 01 FF 00\n01 15 16 7e\n"])
def test_files_are_binary_or_hex_text(run, tmp_path, content):
    capture = tmp_path / "capture"
    capture.write_bytes(content)
    result = run("m100", "--file", str(capture))
    assert result.exit_code == 0
    assert json.loads(result.stdout)["what"] == "no_tag"


def test_standard_input(run):
    result = run("impinj-r700", "-", input=b"[]")
    assert (result.exit_code, result.stdout) == (0, "")
    result = run("mt-sics", "-", input=b"S S 1 kg\r\n")
    assert json.loads(result.stdout)["weight_g"] == 1000.0


def test_epc_command(run):
    result = run("epc", "3074257BF7194E4000001A85")
    assert json.loads(result.stdout)["serial"] == "6789"
    result = run("epc", "-", input=b"3074257BF7194E4000001A85\nzz\n")
    assert [json.loads(line)["kind"] for line in result.stdout.splitlines()] == ["epc", "reject"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nothing", "00"), "known are"),
        (("m100", "0G"), "is not hex"),
        (("m100", "012"), "is not hex"),
        (("m100",), "give either"),
        (("m100", "--file", "absent"), "cannot read absent"),
    ],
)
def test_mistakes_get_one_sentence_and_exit_2(run, arguments, sentence):
    result = run(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""
