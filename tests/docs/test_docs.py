"""The documentation tells the truth: its commands run, its tables are complete, its links lead somewhere."""

import re
import shlex
from pathlib import Path
from typing import get_args

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from cli.main import COMMANDS, build
from contract.messages import AnyObservation
from contract.topics import ROOT
from edge.config import EdgeConfig
from hub.config import HubSettings

HOME = Path(__file__).parent.parent.parent
PAGES = [HOME / "README.md", HOME / "CONTRIBUTING.md", *sorted((HOME / "docs").rglob("*.md"))]
TEXTS = {page.relative_to(HOME).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
OTHER_PROGRAMS = {"sqlite3", "pip", "git"}


def targets():
    return set(re.findall(r"^([a-z-]+):.*##", (HOME / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def written_commands():
    """Every command line in a fence without a language or with `sh`, and every one in backquotes."""
    for name, text in TEXTS.items():
        for language, body in FENCE.findall(text):
            for line in body.splitlines():
                if language == "sh" or re.match(r"(make|shelfwise) ", line):
                    yield name, line
        for code in CODE.findall(FENCE.sub("", text)):
            if re.match(r"(make [a-z-]+|shelfwise [a-z])", code):
                yield name, code


def is_known(line):
    words = shlex.split(line, comments=True)
    if not words:
        return True
    if words[0] == "make":
        return len(words) == 1 or words[1] in targets()
    if words[0] != "shelfwise":
        return words[0] in OTHER_PROGRAMS
    words = [word for word in words[1:] if word not in ("--verbose", "…")]
    if not words:
        return True
    if words[0] not in COMMANDS:
        return False
    found = typer.main.get_command(build(words[0])).commands[words[0]]
    words = words[1:]
    while hasattr(found, "commands") and words:
        if words[0] not in found.commands:
            return False
        found = found.commands[words.pop(0)]
    options = {name for parameter in found.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return {word.split("=")[0] for word in words if word.startswith("--")} <= options


WRITTEN = sorted(set(written_commands()))


def test_commands_are_found_in_the_pages():
    lines = {line.split("#")[0].strip() for _, line in WRITTEN}
    assert {"make demo", "make test"} <= lines
    assert len(lines) > 10


@pytest.mark.parametrize(("page", "line"), WRITTEN)
def test_every_command_in_the_pages_exists(page, line):
    assert is_known(line), f"{page} shows {line!r}, which is no command, target or option"


@pytest.mark.parametrize(
    "line", ["shelfwise edge fly", "shelfwise edge run --wings", "make coffee", "rm -rf ."]
)
def test_a_command_that_does_not_exist_would_be_found(line):
    assert not is_known(line)


def table_after(text, heading_row):
    """Return the cells of the Markdown table whose heading row starts so."""
    lines = text[text.index(heading_row) :].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def structs_in(kind):
    """Return the Structs within an annotation."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [kind]
    return [struct for inner in get_args(kind) for struct in structs_in(inner)]


def keys_of(struct):
    """Yield the keys of a settings Struct, and of those within it."""
    for field in msgspec.structs.fields(struct):
        yield field.encode_name
        for inner in structs_in(field.type):
            yield from keys_of(inner)


def names_in(*pages):
    return {word for page in pages for code in CODE.findall(TEXTS[page]) for word in re.findall(r"\w+", code)}


@pytest.mark.parametrize("key", sorted(set(keys_of(EdgeConfig))))
def test_every_key_of_the_edge_configuration_is_explained(key):
    assert key in names_in("docs/operations.md", "docs/sensing.md")


def test_the_hub_table_has_every_key_with_its_default():
    rows = table_after(TEXTS["docs/operations.md"][TEXTS["docs/operations.md"].index("## Hub") :], "| key |")
    told = {row[0].strip("`"): row[1].strip("`") for row in rows}
    fields = {field.encode_name: field.default for field in msgspec.structs.fields(HubSettings)}
    assert set(told) == set(fields)
    for key, default in fields.items():
        assert told[key] == ("none" if default in (None, ()) else str(default)), key


@pytest.mark.parametrize("section", ["presence", "weight", "agreement"])
def test_every_threshold_stands_with_its_default(section):
    struct = structs_in(next(f.type for f in msgspec.structs.fields(EdgeConfig) if f.name == section))[0]
    rows = table_after(TEXTS["docs/sensing.md"], f"| setting in `[{section}]`")
    words = {"true": "1", "false": "0"}
    told = {
        row[0].strip("`"): float(words.get(row[1], row[1]).replace(",", "").replace("−", "-")) for row in rows
    }
    assert told == {field.name: float(field.default) for field in msgspec.structs.fields(struct)}


def test_every_kind_of_observation_is_explained_with_its_fields():
    rows = table_after(TEXTS["docs/contract.md"], "| kind | says |")
    told = {row[0].strip("`"): set(CODE.findall(row[2])) for row in rows}
    kinds = {kind.__struct_config__.tag: kind for kind in get_args(AnyObservation)}
    assert set(told) == set(kinds)
    for tag, kind in kinds.items():
        own = {field.encode_name for field in msgspec.structs.fields(kind)} - {"at", "device", "suspect"}
        assert own <= told[tag], tag


def test_every_topic_is_the_one_the_code_builds():
    topics = set(re.findall(r"`(shelfwise/v\d/[A-Z/a-z]+)`", TEXTS["docs/contract.md"]))
    assert {f"{ROOT}/STORE/AGENT/{leaf}" for leaf in ("command", "result")} <= topics
    assert {f"{ROOT}/STORE/AGENT/STREAM/{leaf}" for leaf in ("observations", "hello", "receipt")} <= topics


LINKS = [
    (name, target)
    for name, text in TEXTS.items()
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text))
    if not re.match(r"[a-z]+:", target)
]


def anchors(text):
    """Return the names of a page's headings as links spell them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("page", "target"), LINKS)
def test_every_relative_link_leads_somewhere(page, target):
    path, _, anchor = target.partition("#")
    found = ((HOME / page).parent / path).resolve() if path else HOME / page
    assert found.exists(), f"{page} links to {target}"
    if anchor:
        assert anchor in anchors(found.read_text(encoding="utf-8")), f"{page} links to {target}"


def test_the_decode_example_prints_a_tag():
    (line,) = [line for page, line in WRITTEN if page == "README.md" and line.startswith("shelfwise decode")]
    shown = CliRunner().invoke(build("decode"), shlex.split(line, comments=True)[1:])
    assert shown.exit_code == 0
    found = msgspec.json.decode(shown.output)
    assert (found["kind"], found["epc"]) == ("tag", "30751FEB705C5904E3D50D70")


def test_every_page_of_the_docs_can_be_reached_from_the_readme():
    reached, todo = set(), [HOME / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached or not page.is_file() or page.suffix != ".md":
            continue
        reached.add(page)
        text = FENCE.sub("", page.read_text(encoding="utf-8"))
        todo += [
            (page.parent / target.partition("#")[0]).resolve()
            for target in re.findall(r"\]\(([^)\s]+)\)", text)
            if not re.match(r"[a-z]+:", target)
        ]
    assert set((HOME / "docs").rglob("*.md")) - reached == set()
