"""The report: it goes on where it was stopped, says "simulated" everywhere, and names what is missed."""

import pytest
from typer.testing import CliRunner

from cli.bench.sensing.page import TARGETS, page
from cli.bench.sensing.report import Run, averaged, planned, read_results
from cli.main import build
from contract.errors import ConfigError


def report(folder, *more):
    return CliRunner().invoke(
        build("bench"),
        [
            "bench",
            "sensing-report",
            "--only",
            "weight-vibration",
            "--seeds",
            "1,2",
            "--minutes",
            "1",
            "--out",
            str(folder),
            "--results",
            str(folder / "results.jsonl"),
            "--processes",
            "1",
            *more,
        ],
    )


@pytest.fixture
def folder(tmp_path):
    result = report(tmp_path)
    assert result.exit_code == 0, result.output
    assert "0 of them new" not in result.output
    return tmp_path


def test_a_report_that_was_stopped_goes_on_where_it_was(folder):
    lines = (folder / "results.jsonl").read_text().splitlines(keepends=True)
    before = (folder / "sensing-report.md").read_text()
    (folder / "results.jsonl").write_text("".join(lines[:-1]))
    again = report(folder)
    assert "1 of them new" in again.output
    assert (folder / "sensing-report.md").read_text().count("|") == before.count("|")
    assert len(read_results(folder / "results.jsonl")) == len(lines)


def test_a_result_that_is_none_is_named(tmp_path):
    (tmp_path / "results.jsonl").write_text("{}\n")
    with pytest.raises(ConfigError, match="line 1 is no result"):
        read_results(tmp_path / "results.jsonl")


def test_the_page_says_what_is_simulated_and_what_is_missed():
    run = Run("jewel-dense", "shelfwise", "threshold", 0, 30.0)
    parts = {"pick": {"f1": 0.76, "recall_long": 0.9, "false_per_100_tag_h": 4.0}, "state_error": 0.001}
    second = {"pick": {"f1": 0.70, "recall_long": 0.9, "false_per_100_tag_h": 4.0}, "state_error": 0.001}
    other = Run("jewel-dense", "shelfwise", "rician", 0, 30.0)
    text = page({run: parts, other: second}, [201], 30.0)
    assert "simulated" in text.splitlines()[0]
    assert "| jewel-dense | pick f1 | ≥ 0.75 | 0.76 | yes |" in text
    assert "| jewel-dense | pick false_per_100_tag_h | ≤ 3 | 4.0 | **no** |" in text
    assert "pick f1 0.760 → 0.700" in text


def test_means_are_over_seeds_and_the_second_radio_is_for_the_product_alone():
    runs = planned(["jewel-sparse"], [1, 2], 30.0)
    assert {run.method for run in runs if run.radio == "rician"} == {"shelfwise"}
    found = averaged({run: {"state_error": float(run.seed)} for run in runs})
    assert {parts["state_error"] for parts in found.values()} == {1.5}


def test_every_target_names_a_scenario_that_exists():
    assert {scenario for scenario, *_ in TARGETS} <= {run.scenario for run in planned(NAMES, [1], 1.0)}


NAMES = sorted({scenario for scenario, *_ in TARGETS})
