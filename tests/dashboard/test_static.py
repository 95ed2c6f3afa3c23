"""Laws over the dashboard's own source: every sentence in both languages, no markup from data."""

import ast
import string
from pathlib import Path

import pytest

import dashboard
from dashboard.words import LANGUAGES, strings

FOLDER = Path(dashboard.__file__).parent
SOURCES = sorted(FOLDER.rglob("*.py"))
SPOKEN = {
    "text", "markdown", "caption", "subheader", "header", "title", "info", "warning", "error", "success", "write", "metric",
    "button", "badge", "page_link", "segmented_control", "selectbox", "text_input", "expander", "toast", "link_button",
    "choose",
}  # fmt: skip


def calls(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if not (isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "_LOG"):
                yield node, name


def fields_of(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(strings()))
def test_every_key_speaks_every_language_with_the_same_figures(key):
    texts = strings()[key]
    assert set(texts) == set(LANGUAGES)
    assert all(text.strip() for text in texts.values())
    assert len({frozenset(fields_of(text)) for text in texts.values()}) == 1


def test_every_key_used_exists():
    used = {
        node.args[0].value
        for path in SOURCES
        for node, name in calls(path)
        if name == "words" and node.args and isinstance(node.args[0], ast.Constant)
    }
    assert len(used) > 60
    assert used <= set(strings())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_literal_text_for_people(path):
    for node, name in calls(path):
        if name not in SPOKEN:
            continue
        spoken = [
            *node.args[:1],
            *(word.value for word in node.keywords if word.arg in ("label", "help", "placeholder")),
        ]
        for argument in spoken:
            literal = argument.value if isinstance(argument, ast.Constant) else ""
            # A path of a page is no sentence.
            assert not (isinstance(literal, str) and any(letter.isalpha() for letter in literal)), (
                f"{path.name}:{node.lineno}: {literal!r} is not in strings.toml"
            )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_markup_never_comes_from_data(path):
    constants = {"SHEET", "SPEAKS"}
    for node, name in calls(path):
        assert "unsafe_allow_html" not in {word.arg for word in node.keywords}
        if (
            name == "html"
            and isinstance(node.func, ast.Attribute)
            and getattr(node.func.value, "id", "") == "st"
        ):
            (argument,) = node.args
            base = argument.value if isinstance(argument, ast.Subscript) else argument
            assert isinstance(base, ast.Name)
            assert base.id in constants


def test_names_never_reach_a_drawing_that_reads_markup():
    readers = SPOKEN - {"text"}
    for path in SOURCES:
        for node, name in calls(path):
            if name not in readers:
                continue
            for argument in node.args[:1]:
                inside = {one.id for one in ast.walk(argument) if isinstance(one, ast.Name)}
                inside |= {one.attr for one in ast.walk(argument) if isinstance(one, ast.Attribute)}
                assert not inside & {"name_zh", "named", "isolated", "plain", "subject"}, (
                    f"{path.name}:{node.lineno}"
                )


def test_the_dashboard_imports_nothing_of_ours():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [one.name for one in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not {name.split(".")[0] for name in names} & {
                "contract",
                "edge",
                "hub",
                "firmware_sim",
                "cli",
            }
