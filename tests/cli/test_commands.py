"""The command line as people meet it: help with examples that work, and errors as one sentence."""

import logging
import re
import shlex
import subprocess
import sys
from typing import NamedTuple

import click
import pytest
import typer
from typer.testing import CliRunner

from cli.main import COMMANDS, build, main


def program(name):
    """Return the click program with one sub-command loaded, as `shelfwise NAME …` sees it."""
    return typer.main.get_command(build(name))


def walk(command, path):
    """Yield every command below (and with) this one, as (path, command)."""
    yield path, command
    if isinstance(command, click.Group) or hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from walk(below, (*path, name))


ALL = [found for name in COMMANDS for found in walk(program(name).commands[name], (name,))]
LEAVES = [(path, command) for path, command in ALL if not hasattr(command, "commands")]


def spelled(path):
    return " ".join(path)


def example_of(path, command):
    shown = CliRunner().invoke(build(path[0]), [*path, "--help"])
    assert shown.exit_code == 0
    assert f"Example: shelfwise {spelled(path)}" in " ".join(shown.output.split()), shown.output
    return shlex.split((command.epilog or command.help).split("Example: ", 1)[1])


class Shown(NamedTuple):
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def shelfwise(monkeypatch, capsys):
    """Run the program's entry point in this process."""
    handlers, level = logging.root.handlers[:], logging.root.level

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["shelfwise", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Shown(ended.value.code or 0, *capsys.readouterr())

    yield run
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def run_program(*words, within_s=60):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=within_s)


def is_one_sentence(shown, *words):
    lines = shown.stderr.strip().splitlines()
    assert "Traceback" not in shown.stderr
    assert len(lines) == 1, shown.stderr
    for word in words:
        assert word in lines[0], lines[0]


def test_the_commands_are_the_ones_people_are_told_of():
    assert set(COMMANDS) == {path[0] for path, _ in ALL}
    assert {"edge run", "edge check", "hub run", "sim run", "decode", "doctor", "demo"} <= {
        spelled(path) for path, _ in LEAVES
    }


@pytest.mark.parametrize(("path", "command"), ALL, ids=[spelled(path) for path, _ in ALL])
def test_every_command_says_what_it_is_for(path, command):
    assert command.help
    assert command.help.strip().split("\n")[0].endswith((".", ":")), command.help


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[spelled(path) for path, _ in LEAVES])
def test_every_example_is_a_command_that_exists_with_options_that_exist(path, command):
    words = example_of(path, command)
    assert words[0] == "shelfwise"
    arguments = words[1:]
    found = program(arguments[0])
    while hasattr(found, "commands"):
        assert arguments[0] in found.commands, f"{arguments[0]!r} in {words} is no command"
        found = found.commands[arguments.pop(0)]
    found.make_context("shelfwise", arguments)


def test_the_overall_help_names_every_command():
    shown = run_program("-m", "cli.main", "--help")
    assert shown.returncode == 0
    for name, (_, _, _, about) in COMMANDS.items():
        assert name in shown.stdout
        assert about.split(",")[0] in " ".join(shown.stdout.split())


@pytest.mark.parametrize("arguments", [("bogus",), ("edge", "bogus"), ("edge", "run", "--bogus"), ("hub",)])
def test_a_wrong_command_line_ends_with_2(shelfwise, arguments):
    shown = shelfwise(*arguments)
    assert shown.returncode == 2
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize(
    ("library", "arguments", "extra"),
    [
        ("paho", ("edge", "run"), "edge"),
        ("paho", ("edge", "check"), "edge"),
        ("serial", ("doctor",), "edge"),
        ("fastapi", ("hub", "run"), "hub"),
        ("numpy", ("sim", "run"), "sim"),
        ("httpx", ("demo",), "all"),
    ],
)
def test_a_missing_library_is_one_sentence_that_names_the_extra(library, arguments, extra):
    program = (
        f"import sys; sys.modules[{library!r}] = None; from cli.main import main; "
        f"sys.argv = ['shelfwise', *{arguments!r}]; main()"
    )
    shown = run_program("-c", program)
    assert shown.returncode == 2
    is_one_sentence(shown, repr(library), f"pip install 'shelfwise[{extra}]'", arguments[0])


def test_a_missing_library_does_not_hinder_the_help():
    program = (
        "import sys; sys.modules.update(paho=None, numpy=None, fastapi=None); from cli.main import main; "
        "sys.argv = ['shelfwise', '--help']; main()"
    )
    shown = run_program("-c", program)
    assert shown.returncode == 0, shown.stderr


DEVICE = '[[devices]]\nid = "reader"\ndriver = "m100"\ntransport = "serial"\nport = "/dev/null"\nantennas = { 1 = "a" }\n'
AGENT = '[agent]\nid = "pi-1"\nstore = "s"\n'


@pytest.mark.parametrize("command", ["run", "check", "outbox"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (AGENT + "colour = 1\n" + DEVICE, ("edge.toml", "colour", "not known")),
        (AGENT + DEVICE.replace('port = "/dev/null"\n', ""), ("edge.toml", "'reader'", "'port' is missing")),
        (AGENT + "window = 'wide'\n" + DEVICE, ("edge.toml", "agent.window", "expected `int`")),
        (AGENT + DEVICE.replace("m100", "m1000"), ("there is no driver 'm1000'", "did you mean 'm100'?")),
        ("agent = [", ("edge.toml", "not valid TOML")),
        (None, ("edge.toml", "cannot be read")),
    ],
    ids=["unknown key", "no port", "wrong type", "no such driver", "no TOML", "no file"],
)
def test_a_wrong_edge_configuration_is_one_sentence(shelfwise, tmp_path, command, text, words):
    file = tmp_path / "edge.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    shown = shelfwise("edge", command, "--config", str(file))
    assert shown.returncode == 2
    is_one_sentence(shown, *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[hub]\nbrokr = 'nats://x'\n", ("hub.toml", "'brokr' is not known", "did you mean 'broker'?")),
        ("[hub]\nport = 'eighty'\n", ("hub.toml", "'port'", "expected `int`")),
        ("[hub]\nbroker = 'http://x'\n", ("hub.toml", "'broker'", "nats://")),
        ("", ("hub.toml", "[hub] is missing")),
        (None, ("hub.toml", "cannot be read")),
    ],
    ids=["unknown key", "wrong type", "wrong scheme", "no section", "no file"],
)
@pytest.mark.parametrize("command", ["run", "verify"])
def test_a_wrong_hub_configuration_is_one_sentence(shelfwise, tmp_path, command, text, words):
    file = tmp_path / "hub.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    shown = shelfwise("hub", command, "--config", str(file))
    assert shown.returncode == 2
    is_one_sentence(shown, *words)


def test_an_unknown_scenario_is_one_sentence(shelfwise, tmp_path):
    shown = shelfwise("sim", "run", "--scenario", "quiet-night", "--dir", str(tmp_path))
    assert shown.returncode == 2
    is_one_sentence(shown, "quiet-night")


def test_an_operation_that_fails_ends_with_1(shelfwise, tmp_path):
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines" / "reader-window").write_text("a file where the simulated line would be")
    shown = shelfwise("sim", "run", "--for", "1", "--dir", str(tmp_path / "lines"))
    assert shown.returncode == 1, (shown.stdout, shown.stderr)
    is_one_sentence(shown, "reader-window")


def test_edge_check_says_what_the_agent_would_do(shelfwise, tmp_path):
    file = tmp_path / "edge.toml"
    file.write_text(AGENT + DEVICE, encoding="utf-8")
    shown = shelfwise("edge", "check", "--config", str(file))
    assert shown.returncode == 0, shown.stderr
    assert "agent pi-1 of store s" in shown.stdout
    assert "reader: M100, QM100, YRM100, R200 UHF modules on /dev/null → a" in shown.stdout


def test_edge_outbox_shows_what_waits(shelfwise, tmp_path):
    file = tmp_path / "edge.toml"
    file.write_text(AGENT + DEVICE, encoding="utf-8")
    shown = shelfwise("edge", "outbox", "--config", str(file))
    assert shown.returncode == 0, shown.stderr
    assert re.fullmatch(
        r"stream pi-1-[0-9a-f]{12}: 0 observations without receipt, next number 1\n", shown.stdout
    )


def test_a_second_agent_on_the_same_outbox_is_refused(shelfwise, tmp_path):
    file = tmp_path / "edge.toml"
    file.write_text(AGENT + "[broker]\nport = 1\n" + DEVICE, encoding="utf-8")
    command = [sys.executable, "-m", "cli.main", "edge", "run", "--config", str(file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as first:
        try:
            for line in first.stderr:
                if "event=agent_up" in line:
                    break
            shown = shelfwise("edge", "run", "--config", str(file))
        finally:
            first.terminate()
            first.communicate(timeout=15)
    assert shown.returncode == 2
    is_one_sentence(shown, "another agent runs on", "outbox.db")
    assert first.returncode == 0
