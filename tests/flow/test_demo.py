"""The demo as people run it: it opens, it ends, it leaves nothing behind; and its check can fail."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.check import _judge
from cli.truth import Picture, compare, tag_zone_error, truth_picture

PICTURE = Picture(
    on_hand={("tee", "shelf-a"): 3, ("beads", "tray-1"): 40, (None, "window"): 1},
    sold={"tee": 2},
    entered=9,
    left=7,
    items={f"EPC{number:03}": "shelf-a" for number in range(200)},
    lines={"door": (9, 7)},
)


def processes_of(folder):
    """Return the command lines of all processes that were told of this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if any(str(folder).encode() in word for word in words):
            found.append(b" ".join(words).decode())
    return found


def open_demo(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", "demo", "--dir", str(folder), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def closing(demo):
    if demo.poll() is None:
        demo.send_signal(signal.SIGINT)
        demo.wait(20)


@pytest.mark.flow
def test_the_demo_ends_by_itself_and_leaves_no_process(tmp_path):
    demo = open_demo(tmp_path, "--for", "15")
    try:
        shown, _ = demo.communicate(timeout=90)
    finally:
        closing(demo)
    assert demo.returncode == 0, shown
    assert "live after" in shown
    assert "/v1/stores/popup-1/stock" in shown
    assert processes_of(tmp_path) == []
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert truth["on_hand"]


@pytest.mark.flow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_program_within_ten_seconds(tmp_path, until, number):
    demo = open_demo(tmp_path)
    try:
        until(lambda: len(processes_of(tmp_path)) >= 5, 60)
        until(lambda: (tmp_path / "truth.json").exists(), 60)
        time.sleep(1)
        began = time.monotonic()
        demo.send_signal(number)
        shown, _ = demo.communicate(timeout=20)
        took_s = time.monotonic() - began
    finally:
        closing(demo)
    assert took_s < 10
    assert processes_of(tmp_path) == []
    assert "Traceback" not in shown


@pytest.mark.flow
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_check_finds_hub_and_truth_in_agreement(tmp_path):
    demo = open_demo(tmp_path, "--check", "--busy-s", "20", "--hour-s", "120")
    try:
        shown, _ = demo.communicate(timeout=580)
    finally:
        closing(demo)
    assert demo.returncode == 0, shown
    assert "hub and truth agree" in shown
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"on_hand": {**PICTURE.on_hand, ("tee", "shelf-a"): 2}}, ["on-hand tee in shelf-a"]),
        ({"on_hand": {("tee", "shelf-a"): 3, ("beads", "tray-1"): 40}}, ["on-hand (unbound tags) in window"]),
        ({"sold": {"tee": 3}}, ["sold tee"]),
        ({"sold": {}}, ["sold tee"]),
        ({"sold": {"tee": 2, "beads": 1}}, ["sold beads"]),
        ({"entered": 8}, ["people in"]),
        ({"left": 8}, ["people out"]),
        ({"lines": {"door": (9, 6), "yard": (0, 1)}}, ["people out by line door", "people out by line yard"]),
    ],
)
def test_a_falsified_truth_is_found_in_every_figure(change, differs):
    false = PICTURE._replace(**change)
    assert [row.what for row in compare(PICTURE, false) if not row.equal] == differs
    assert not _judge("falsified", PICTURE, false, noise=False)
    assert _judge("falsified", PICTURE, false, noise=True) == differs[0].startswith("on-hand ")


def test_equal_pictures_agree():
    assert all(row.equal for row in compare(PICTURE, PICTURE))
    assert _judge("equal", PICTURE, PICTURE, noise=False)
    assert _judge("equal", PICTURE, PICTURE, noise=True)


@pytest.mark.parametrize(("wrong", "with_noise"), [(1, True), (2, True), (3, False)])
def test_misplaced_tags_fail_the_check_from_one_without_noise_and_beyond_one_percent_with_it(
    wrong, with_noise
):
    moved = {
        epc: "till" if index < wrong else zone for index, (epc, zone) in enumerate(PICTURE.items.items())
    }
    hub = PICTURE._replace(items=moved)
    assert tag_zone_error(hub, PICTURE) == wrong / 200
    assert not _judge("misplaced", hub, PICTURE, noise=False)
    assert _judge("misplaced", hub, PICTURE, noise=True) is with_noise


def test_a_missing_or_unexpected_tag_is_an_error():
    assert tag_zone_error(PICTURE._replace(items={}), PICTURE) == 1.0
    assert tag_zone_error(Picture({}, {}, 0, 0, {"EPC": None}), Picture({}, {}, 0, 0, {})) == 0.0
    assert tag_zone_error(Picture({}, {}, 0, 0, {"EPC": "till"}), Picture({}, {}, 0, 0, {})) == 1.0


def test_the_truth_is_read_without_its_zeros():
    snapshot = {
        "on_hand": [{"sku": "tee", "zone": "a", "units": 0}, {"sku": "tee", "zone": "b", "units": 2}],
        "skus": [{"sku": "tee", "sold": 0}, {"sku": None, "sold": 4}, {"sku": "cap", "sold": 1}],
        "entered": 3,
        "left": 2,
        "lines": [{"line": "door", "entered": 3, "left": 2}],
        "items": {"EPC": None},
    }
    assert truth_picture(snapshot) == Picture(
        {("tee", "b"): 2}, {"cap": 1}, 3, 2, {"EPC": None}, {"door": (3, 2)}
    )
