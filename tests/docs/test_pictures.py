"""The drawing of the data flow is current and names packages that exist."""

import importlib.util
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def drawing():
    spec = importlib.util.spec_from_file_location("flow_picture", HOME / "scripts" / "flow_picture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_drawing_is_what_its_script_draws(drawing):
    assert drawing.TARGET.read_text(encoding="utf-8") == drawing.picture(), (
        "run: python scripts/flow_picture.py"
    )


def test_the_drawing_is_well_formed_and_has_a_title(drawing):
    root = ET.fromstring(drawing.picture())
    assert root.find("{http://www.w3.org/2000/svg}title").text.startswith("Device bytes become frames")


def test_every_stage_is_a_package_that_exists(drawing):
    for stage in (*drawing.EDGE.stages, *drawing.HUB.stages):
        assert importlib.util.find_spec(stage.by) is not None, stage.by
