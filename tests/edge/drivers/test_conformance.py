"""What every driver keeps, whatever its device: every law over all drivers there are."""

import json
from pathlib import Path

import msgspec
import pytest

from cli.drivers.conformance import LAWS, findings
from edge.driver import Driver, DriverSpec
from edge.drivers import driver, drivers
from edge.model import WeightRead

SENSED = {"tag", "weight", "count"}
GOLDEN = Path(__file__).parents[2] / "golden"
NAMES = sorted(drivers())


def golden_frames(name):
    """Return the golden inputs of a driver that say something sensed, one by one."""
    found = []
    wire = GOLDEN / "wire" / f"{name}.txt"
    if wire.exists():
        for line in wire.read_text("utf-8").splitlines():
            text, arrow, expected = line.partition("=>")
            if arrow and not line.startswith("#") and '"kind":"reject"' not in expected:
                found.append(bytes.fromhex(text))
    for path in sorted((GOLDEN / "payloads").glob(f"{name}_*.expected.json")):
        if SENSED & {item["kind"] for item in json.loads(path.read_text("utf-8"))["expected"]}:
            found.append(path.with_name(path.name.replace(".expected", "")).read_bytes())
    return found


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_the_law_is_kept(name, law):
    assert law(drivers()[name]) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_driver_is_found_under_either_spelling(name):
    assert driver(name.replace("_", "-")) is drivers()[name]


# The line of an LLRP reader reads the wire; its driver takes what the line makes of it.
@pytest.mark.parametrize(
    "name", [name for name in NAMES if golden_frames(name) and drivers()[name].transports != ("llrp",)]
)
def test_golden_input_gives_reads_of_this_device(build, sensed, name):
    reads = sensed([read for frame in golden_frames(name) for read in build(name).receive(frame, 5_000)])
    assert reads
    assert {read.device for read in reads} == {"dev-1"}


class Loose(msgspec.Struct):
    """Settings that take anything."""


class Careless(Driver):
    """A driver that breaks what it can: reads half lines, keeps what it should forget, raises."""

    def __init__(self, device, settings):
        super().__init__(device)
        self._held = b""

    def connected(self, now):
        pass

    def receive(self, data, now):
        self._held += data
        if b"\xff" in data:
            raise ValueError(data)
        weight = sum(self._held)
        return [WeightRead(device="someone", at=now, weight_g=float(weight), stable=True)]

    def act(self, action, now):
        return ""


def test_each_law_finds_a_driver_that_breaks_it():
    careless = DriverSpec(
        name="Care-less", title="", kind="scale", transports=("serial",), protocol="", settings=Loose, build=Careless, silent_after_ms=1,
        examples=(b"12\n", b"13\n"), unknown=b"?\n",
    )  # fmt: skip
    caught = {"noise": None}
    for law in LAWS:
        try:
            caught[law.__name__] = law(careless)
        except ValueError:
            caught[law.__name__] = ["raises"]
    assert [name for name, wrong in caught.items() if not wrong] == []


def test_findings_name_the_law():
    bare = DriverSpec(
        name="bare", title="t", kind="scale", transports=("mqtt",), protocol="p", settings=Loose, build=Careless, notes="n",
    )  # fmt: skip
    with pytest.raises(ValueError):
        findings(bare)
    assert "declaration: 0 examples are declared; expected 2 or more" in [
        f"declaration: {wrong}" for wrong in LAWS[0](bare)
    ]
