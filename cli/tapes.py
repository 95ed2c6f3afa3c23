"""Tapes: a simulated store's whole stream recorded, and any tape told again to the edge's pipeline."""

import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from cli.lockstep import Lockstep
from contract.errors import ConfigError
from edge.tape import play
from firmware_sim.world.scenario import Scenario

START_MS: Final = 1_795_255_200_000
ENCODER: Final = msgspec.json.Encoder()


def record_store(scenario: Scenario, seed: int, seconds: float, out: Path) -> int:
    """Let a simulated store live and record what its edge is told; return how many observations it told.

    Raises:
        ConfigError: the file cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="shelfwise-record-") as folder:
        run = Lockstep(scenario, seed, Path(folder), start=START_MS, tape=out)
        try:
            with Progress(console=Console(stderr=True), transient=True) as progress:
                bar = progress.add_task(f"recording {scenario.name}", total=seconds)
                for _ in range(int(seconds)):
                    run.run(1)
                    progress.advance(bar)
                run.run(seconds - int(seconds))
            return run.observations
        finally:
            run.close()


def replay(
    tape: Annotated[Path, typer.Argument(help="a file of `shelfwise sim record` or `edge run --record`")],
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="only say whether it came out the same")
    ] = False,
) -> None:
    """Tell the pipeline again what is on a tape; print what it says, one observation a line.

    Ends with 1 when it says something else than it did while it was recorded.

    Example: shelfwise edge replay monday.tape.gz
    """
    if not tape.exists():
        raise ConfigError(f"tape {tape} is not there; expected a file of `shelfwise sim record`")
    told = different = 0
    for passed in play(tape):
        told += len(passed.observations)
        if not passed.same:
            different += 1
            print(f"the pass at {passed.at} told something else than in the recording", file=sys.stderr)
        if not quiet:
            for observation in passed.observations:
                sys.stdout.buffer.write(ENCODER.encode(observation) + b"\n")
    sys.stdout.flush()
    verdict = f"{different} passes differ" if different else "the same as recorded, byte for byte"
    print(f"{told} observations, {verdict}", file=sys.stderr)
    if different:
        raise typer.Exit(1)
