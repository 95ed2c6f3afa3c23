"""Methods behind a bad line: the product's stage fed report by report, a baseline fed what arrives per second.

The stage is called four times a second with whatever has come, as the agent calls it, and with the agent's
rules: a read from the future counts as now, and a clock that was set back starts what is being measured anew.
"""

from typing import Final, NamedTuple

import numpy as np
from msgspec.structs import replace

from cli.bench.sensing.product import ProductMethod
from cli.bench.sensing.shelf import BaselineMethod, Told
from contract.messages import AnyObservation, TagArrived, TagMoved, TagPickedUp, TagPutBack
from edge.model import Read, StatusRead, TagRead
from edge.pipeline import MAX_STEP_BACK_MS
from edge.sensing.presence import PresenceSettings, sense_presence
from edge.sensing.presence_state import restart_presence
from firmware_sim.world.disturbance import Arrival, Line
from firmware_sim.world.radio.cycles import Cycle, Reports
from firmware_sim.world.scenes import Scene

TICK_MS: Final = 250


class Said(NamedTuple):
    """One observation: event time ``at``, told in the cycle that ended at ``told_at``."""

    epc: str
    kind: str
    zone: str
    at: int
    told_at: int


class StageBehindLine(ProductMethod):
    """The presence stage at the end of a line.

    Args:
        scene: whose reader is heard.
        line: what its reports go through.
        settings: of the stage.

    Attributes:
        said: everything told about tags, those that do not exist among them.
    """

    def __init__(self, scene: Scene, line: Line, settings: PresenceSettings | None = None) -> None:
        super().__init__(scene, settings)
        self.line = line
        self.said: list[Said] = []

    def take(self, cycle: Cycle, epcs: list[str]) -> Told:
        """Take one cycle."""
        self._epcs = epcs
        self.line.send(cycle, epcs)
        told: list[AnyObservation] = []
        begun = cycle.now - 1_000
        for now in range(begun + TICK_MS, cycle.now + 1, TICK_MS):
            reads = self.heard(self.line.arrivals(now))
            shown = self.line.agent_time(now)
            if not (cycle.silent or self.line.dead(now)):
                reads.append(StatusRead(device=self.reader, at=shown, what="alive"))
            if shown < self.state.now - MAX_STEP_BACK_MS:
                self.state = restart_presence(self.state)
            reads = [read if read.at <= shown else replace(read, at=shown) for read in reads]
            self.state, observations = sense_presence(
                self.state, reads, shown, place=self.place, settings=self._settings
            )
            told += observations
        for one in told:
            if isinstance(one, TagArrived | TagPickedUp | TagPutBack | TagMoved):
                self.said.append(Said(one.epc, type(one).__name__, one.zone, one.at, cycle.now))
        return self.judged(told, epcs)

    def heard(self, arrivals: list[Arrival]) -> list[Read]:
        """Return reports as the drivers would hand them over."""
        return [
            TagRead(
                device=self.reader,
                at=one.at,
                epc=one.epc,
                antenna=one.antenna + 1,
                rssi_dbm=one.rssi_dbm,
                reads=one.reads,
            )
            for one in arrivals
        ]


class BaselineBehindLine(BaselineMethod):
    """A baseline at the end of a line: it takes what arrived in each second for what was heard in it."""

    def __init__(self, name: str, scene: Scene, line: Line) -> None:
        super().__init__(name, len(scene.scenario.readers[0].antennas))
        self.line = line

    def take(self, cycle: Cycle, epcs: list[str]) -> Told:
        """Take one cycle."""
        self.line.send(cycle, epcs)
        number = {epc: index for index, epc in enumerate(epcs)}
        come = [one for one in self.line.arrivals(cycle.now) if one.epc in number]
        heard = Reports(
            np.array([one.at for one in come], dtype=np.int64),
            np.array([number[one.epc] for one in come], dtype=np.int64),
            np.array([one.antenna for one in come], dtype=np.int64),
            np.array([one.rssi_dbm for one in come], dtype=np.float64),
            np.array([one.reads for one in come], dtype=np.int64),
        )
        return super().take(cycle._replace(reports=heard), epcs)
