"""The product's own presence stage as a method of the scoreboard: the functions that the edge agent runs."""

import msgspec
import numpy as np

from cli.bench.sensing.shelf import Told
from contract.messages import AnyObservation, TagArrived, TagMoved, TagPickedUp, TagPutBack
from edge.model import Hints, Place
from edge.sensing.belief import Ints
from edge.sensing.presence import NO_HINTS, PresenceSettings, fold_cycle
from edge.sensing.presence_state import (
    Columns,
    PresenceState,
    anchor_presence,
    fit,
    with_removals,
    with_rows,
)
from firmware_sim.world.radio.cycles import Cycle
from firmware_sim.world.scenes import Scene, planogram

CYCLE_MS = 1_000


class ProductMethod:
    """The presence stage, given the reads of each cycle as columns.

    Args:
        scene: whose reader is heard; the planogram is known at the start.
        settings: of the stage.
    """

    def __init__(self, scene: Scene, settings: PresenceSettings | None = None) -> None:
        reader = scene.scenario.readers[0]
        self.reader = reader.device
        self.place = Place(
            zones={(reader.device, port): zone for port, zone in reader.ports().items()},
            trays={},
            lines={},
            silent_after_ms={},
        )
        self._settings = settings or PresenceSettings()
        self._zone = {zone.id: index for index, zone in enumerate(scene.scenario.zones)}
        state = fit(PresenceState(), self.place)
        self.state = anchor_presence(state, planogram(scene.scenario), scene.start)
        self._known: dict[str, int] = {}
        self._row = np.empty(0, dtype=np.int64)
        self._epcs: list[str] = []
        self._to_scene = np.array([self._zone[name] for name in state.zones] + [-1], dtype=np.int64)

    def take(self, cycle: Cycle, epcs: list[str]) -> Told:
        """Take one cycle."""
        self._epcs = epcs
        reports = cycle.reports
        rows = self._rows([epcs[tag] for tag in np.unique(reports.tag).tolist()], epcs)
        columns = Columns(rows[reports.tag], reports.antenna, reports.rssi_dbm, reports.reads, reports.at_ms)
        alive = np.full(len(self.state.antennas), not cycle.silent)
        hints = self.hints(cycle)
        self.state, told = fold_cycle(
            with_removals(self.state, hints),
            columns,
            alive,
            cycle.now // CYCLE_MS - 1,
            cycle.now,
            settings=self._settings,
            hints=hints,
        )
        self.compare(told, cycle)
        return self.judged(told, epcs)

    def judged(self, told: list[AnyObservation], epcs: list[str]) -> Told:
        """Return observations as rows of the scene; tags that the scene does not know are left out."""
        number = {epc: index for index, epc in enumerate(epcs)} if told else {}
        told = [one for one in told if getattr(one, "epc", None) in number]
        picks, puts, moves = [], [], []
        for one in told:
            match one:
                case TagPickedUp(epc=epc):
                    picks.append(number[epc])
                case TagPutBack(epc=epc, zone=zone, from_zone=left):
                    puts.append(number[epc])
                    if zone != left:
                        moves.append((number[epc], self._zone[zone]))
                case TagMoved(epc=epc, zone=zone):
                    picks.append(number[epc])
                    puts.append(number[epc])
                    moves.append((number[epc], self._zone[zone]))
                case TagArrived():
                    pass
        return Told(picks, puts, moves)

    def hints(self, cycle: Cycle) -> Hints:
        """Return what other sensors saw up to the end of a cycle: nothing."""
        return NO_HINTS

    def compare(self, told: list[AnyObservation], cycle: Cycle) -> None:
        """Look at what was told of a cycle."""

    def zones(self) -> Ints:
        """Return the told zones in the scene's numbers."""
        if self.state.tags is None:
            return np.full(len(self._epcs), -1)
        rows = self._rows([], self._epcs)
        zone = self._to_scene[self.state.tags.zone]
        return np.where(rows >= 0, zone[np.maximum(rows, 0)], -1) if len(zone) else rows

    def _rows(self, read: list[str], epcs: list[str]) -> Ints:
        """Return the state's row of each of the scene's tags, -1 for none."""
        self.state = with_rows(self.state, read)
        if self.state.rows is not self._known or len(self._row) != len(epcs):
            self._known = self.state.rows
            self._row = np.array([self._known.get(epc, -1) for epc in epcs], dtype=np.int64)
        return self._row


def settings_with(changes: dict[str, float]) -> PresenceSettings:
    """Return the stage's settings with some changed."""
    return msgspec.convert({**msgspec.to_builtins(PresenceSettings()), **changes}, PresenceSettings)
