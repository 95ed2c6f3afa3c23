"""Tapes: what an edge was told can be told again, with the same outcome to the byte."""

import gzip
import json

import msgspec
import pytest
from typer.testing import CliRunner

from cli.main import build
from cli.tapes import record_store
from contract.errors import ConfigError
from edge.tape import play
from firmware_sim.world.scenarios import built_in

SECONDS = 40


@pytest.fixture(scope="module")
def tape(tmp_path_factory):
    path = tmp_path_factory.mktemp("tapes") / "busy.tape.gz"
    told = record_store(built_in("busy"), 5, SECONDS, path)
    return path, told


def said(path):
    return [msgspec.json.encode(one) for passed in play(path) for one in passed.observations]


def entries(path):
    return gzip.decompress(path.read_bytes()).splitlines(keepends=True)


def written(path, lines):
    path.write_bytes(gzip.compress(b"".join(lines)))
    return path


def test_a_tape_says_twice_what_was_said_while_it_was_recorded(tape):
    path, told = tape
    assert all(passed.same for passed in play(path))
    assert said(path) == said(path)
    assert len(said(path)) == told > 50


def test_two_recordings_of_one_seed_are_the_same_and_of_another_are_not(tape, tmp_path):
    again, other = tmp_path / "again.gz", tmp_path / "other.gz"
    record_store(built_in("busy"), 5, SECONDS, again)
    record_store(built_in("busy"), 6, SECONDS, other)
    assert entries(again)[1:] == entries(tape[0])[1:] != entries(other)[1:]


def test_a_tape_that_lacks_a_line_is_told_apart(tape, tmp_path):
    lines = entries(tape[0])
    kept = [line for line in lines if json.loads(line)[0] != "in" or b"counter-door" not in line]
    assert len(kept) < len(lines)
    result = CliRunner().invoke(
        build("edge"), ["edge", "replay", "-q", str(written(tmp_path / "short.gz", kept))]
    )
    assert result.exit_code == 1
    assert "told something else" in result.output


def test_a_tape_whose_end_is_missing_is_played_as_far_as_it_goes(tape, tmp_path):
    whole = tape[0].read_bytes()
    cut = tmp_path / "cut.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    passes = list(play(cut))
    assert 0 < len(passes) < len(list(play(tape[0])))
    assert all(passed.same for passed in passes)


def test_the_command_prints_one_observation_a_line(tape):
    result = CliRunner().invoke(build("edge"), ["edge", "replay", str(tape[0])])
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == tape[1]
    assert "byte for byte" in result.output


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"no tape at all", "is no tape"),
        (gzip.compress(b'["sense",1,false,""]\n'), "begin"),
        (gzip.compress(b'["begin",99,1,"",null]\n'), "format 99; expected 1"),
        (gzip.compress(b'["begin",1,1,"[agent]\\nid = 3",null]\n'), "edge.toml"),
        (gzip.compress(b""), "empty"),
        (gzip.compress(b'{"no": 1}\n'), "is no tape"),
    ],
)
def test_what_is_no_tape_is_one_sentence(tmp_path, content, word):
    path = tmp_path / "bad.gz"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=word) as caught:
        list(play(path))
    assert "\n" not in str(caught.value)


def test_a_device_and_a_store_are_not_recorded_at_once():
    result = CliRunner().invoke(build("sim"), ["sim", "record", "m100", "--scenario", "busy"])
    assert "not both" in str(result.exception)
    result = CliRunner().invoke(build("sim"), ["sim", "record"])
    assert "name a driver" in str(result.exception)
