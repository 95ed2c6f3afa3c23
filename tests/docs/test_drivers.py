"""The how-to for a new device works as it is written, in a copy of the project; the device table is current."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.drivers.command import device_table, settings_table

HOME = Path(__file__).parents[2]
PAGE = (HOME / "docs" / "drivers.md").read_text(encoding="utf-8")
TEN = re.compile(r"(?<=until the device needs more\.\n).*?(?=\n\n\n# The end of the ten lines\.)", re.DOTALL)
PACKAGES = ("cli", "contract", "dashboard", "edge", "firmware_sim", "hub")


def fences(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def shelfwise(tmp_path):
    """Run a command line of the page in a copy of the project."""
    for name in PACKAGES:
        shutil.copytree(HOME / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))

    def run(line, *, site=None):
        words = line.split()
        assert words[0] == "shelfwise"
        paths = os.pathsep.join(str(path) for path in (site, tmp_path) if path is not None)
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *words[1:]], cwd=tmp_path, capture_output=True, text=True, timeout=60,
            env={**os.environ, "PYTHONPATH": paths, "COLUMNS": "200"},
        )  # fmt: skip

    shelfwise_run = run
    shelfwise_run.folder = tmp_path
    return shelfwise_run


def test_the_page_adds_a_driver_that_the_laws_pick_up(shelfwise):
    begin, check = (fence.strip() for fence in fences("bash"))
    assert shelfwise(begin).returncode == 0
    empty = shelfwise(check)
    assert (empty.returncode, "0 examples are declared" in empty.stdout) == (1, True)

    file = shelfwise.folder / "edge" / "drivers" / "acme.py"
    text = file.read_text(encoding="utf-8")
    (lines,) = fences("python")
    assert len([line for line in lines.splitlines() if line]) <= 10
    file.write_text(TEN.sub(lambda _: lines.rstrip(), text), encoding="utf-8")

    done = shelfwise(check)
    assert (done.returncode, done.stdout) == (0, "acme: keeps every law\n")
    assert "ACME" not in text
    assert "acme" in shelfwise("shelfwise drivers list").stdout
    asked = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "acme", str(HOME / "tests/edge/drivers/test_conformance.py")],
        cwd=shelfwise.folder, capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": str(shelfwise.folder)},
    )  # fmt: skip
    assert asked.returncode == 0, asked.stdout
    assert int(re.search(r"(\d+) passed", asked.stdout)[1]) >= 9


def test_a_wrong_example_names_the_law_that_it_breaks(shelfwise):
    shelfwise("shelfwise drivers new acme")
    file = shelfwise.folder / "edge" / "drivers" / "acme.py"
    (lines,) = fences("python")
    file.write_text(
        TEN.sub(lambda _: lines.replace("00123.4 g S", "00123.4 g X").rstrip(), file.read_text("utf-8")),
        "utf-8",
    )
    done = shelfwise("shelfwise drivers check acme")
    assert done.returncode == 1
    assert "examples: example 1 gives no tag, weight, count, barcode or label" in done.stdout


def test_a_package_of_its_own_is_found_by_its_entry_point(shelfwise):
    folder = shelfwise.folder / "own"
    begun = shelfwise(f"shelfwise drivers new acme --package {folder}")
    assert begun.returncode == 0, begun.stderr
    file = folder / "shelfwise_acme.py"
    (lines,) = fences("python")
    file.write_text(TEN.sub(lambda _: lines.rstrip(), file.read_text("utf-8")), "utf-8")
    checked = shelfwise(f"shelfwise drivers check --file {file}")
    assert (checked.returncode, checked.stdout) == (0, "acme: keeps every law\n")
    site = shelfwise.folder / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(site), str(folder)],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    listed = shelfwise("shelfwise drivers list", site=site)
    assert "acme" in listed.stdout, listed.stderr


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("shelfwise drivers new m100", "there is a driver 'm100' already"),
        (
            "shelfwise drivers new 9lives",
            "driver name '9lives' is not allowed; expected a letter followed by",
        ),
        ("shelfwise drivers check acmee", "there is no driver 'acmee'"),
        ("shelfwise drivers check --file nowhere.py", "nowhere.py is not a Python file with a driver"),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(shelfwise, line, sentence):
    done = shelfwise(line)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_is_written_over(shelfwise):
    shelfwise("shelfwise drivers new acme")
    file = shelfwise.folder / "edge" / "drivers" / "acme.py"
    file.write_text(file.read_text("utf-8").replace('name="acme"', 'name="other"'), "utf-8")
    again = shelfwise("shelfwise drivers new acme")
    assert "exists already; nothing was written over it" in again.stderr


def test_the_device_table_is_that_of_the_drivers():
    page = (HOME / "docs" / "devices.md").read_text(encoding="utf-8")
    assert device_table() in page, "docs/devices.md is stale; run: make devices"
    assert settings_table() in page, "docs/devices.md is stale; run: make devices"
