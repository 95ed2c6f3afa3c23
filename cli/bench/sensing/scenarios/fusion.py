"""Jewellery dense with tags, and a weighed plate under each zone: what each source lets the other know.

The scene is ``jewel-dense``; its plates carry what lies in the zones (:mod:`firmware_sim.world.weighed_scene`). The
weight, agreement and presence stages are those of the edge, in its order. ``shelfwise-no-hints`` is presence
alone on the very same reads. Parameters to be varied: those of ``jewel-dense``.
"""

from typing import Any, Final

from cli.bench.sensing.contest import Conditions, Contest
from cli.bench.sensing.product import ProductMethod
from cli.bench.sensing.shelf import score_shelf
from contract.messages import WeightChanged
from edge.model import Hints, Place, Read, StatusRead, Tray, TrayItem, WeightRead
from edge.sensing.agreement import AgreementSettings, AgreementState, expect, sense_agreement
from edge.sensing.weight import WeightSettings, WeightState, sense_weight, unsettled
from firmware_sim.world.load_cell import LoadCellNoise
from firmware_sim.world.radio.cycles import Cycle
from firmware_sim.world.scenes import Scene, live_through, shelf_scenario
from firmware_sim.world.weighed_scene import PlatesPlan, PlatesRecording, weigh_scene

SILENT_MS: Final = 10_000


class FusedMethod(ProductMethod):
    """Weight, agreement and presence as the edge runs them.

    Args:
        scene: whose reader is heard.
        plates: what the plates under its zones say.

    Attributes:
        disagreements: told so far.
        unnamed: weight drops that named no goods.
        drops: all weight drops.
    """

    def __init__(self, scene: Scene, plates: PlatesRecording) -> None:
        super().__init__(scene)
        gtins = {product.sku: product.gtin for product in scene.scenario.products}
        trays = {
            f"plate-{zone}": Tray(
                zone,
                items=tuple(
                    TrayItem(sku, round(plates.unit_weight_g[sku], 1), units, gtins[sku])
                    for sku, units in own.items()
                ),
                tagged=True,
            )
            for zone, own in plates.units.items()
        }
        silent_after_ms = dict.fromkeys([self.reader, *trays], SILENT_MS)
        self._place = Place(zones=self.place.zones, trays=trays, lines={}, silent_after_ms=silent_after_ms)
        self._plates, self._next = plates, 0
        self._weight, self._agreement = WeightState(), AgreementState()
        self._steps: list[Any] = []
        self.disagreements = self.unnamed = self.drops = 0

    def hints(self, cycle: Cycle) -> Hints:
        """Return what the plates' readings up to the end of a cycle let presence expect."""
        place, settings = self._place, AgreementSettings()
        plates = self._plates
        reads: list[Read] = (
            [] if cycle.silent else [StatusRead(device=self.reader, at=cycle.now, what="alive")]
        )
        self._steps = []
        while self._next < len(plates.times_ms) and plates.times_ms[self._next] <= cycle.now:
            at = plates.times_ms[self._next]
            weighed: list[Read] = [
                WeightRead(device=f"plate-{zone}", at=at, weight_g=values[self._next], stable=False)
                for zone, values in plates.readings_g.items()
            ]
            self._weight, steps = sense_weight(
                self._weight, weighed, at, place=place, settings=WeightSettings()
            )
            self._steps += steps
            reads += weighed
            self._next += 1
        for step in self._steps:
            if isinstance(step, WeightChanged) and step.delta_g < 0:
                self.drops += 1
                self.unnamed += not step.items
        self._agreement, hints = expect(
            self._agreement,
            reads,
            self._steps,
            (),
            unsettled(self._weight),
            cycle.now,
            place=place,
            settings=settings,
        )
        return hints

    def compare(self, told: list[Any], cycle: Cycle) -> None:
        """Compare what presence told of a cycle with the plates."""
        self._agreement, doubts = sense_agreement(
            self._agreement, told, self._steps, cycle.now, place=self._place, settings=AgreementSettings()
        )
        self.disagreements += len(doubts)


def _run(method: str, seed: int, conditions: Conditions) -> dict[str, Any]:
    scene = live_through(
        shelf_scenario("jewel-dense", conditions.overrides),
        seed,
        conditions.minutes,
        rician=conditions.radio == "rician",
    )
    if method == "shelfwise-no-hints":
        return score_shelf(scene, ProductMethod(scene), scene.radio.run(scene.start, scene.end))
    fused = FusedMethod(scene, weigh_scene(scene, seed, PlatesPlan(), LoadCellNoise()))
    figures = score_shelf(scene, fused, scene.radio.run(scene.start, scene.end))
    hours = conditions.minutes / 60
    return figures | {
        "agreement": {
            "disagreements_per_h": fused.disagreements / hours,
            "drops_per_h": fused.drops / hours,
            "unnamed_share": fused.unnamed / fused.drops if fused.drops else None,
        }
    }


CONTESTS: Final = {"fusion": Contest(("shelfwise", "shelfwise-no-hints"), _run)}
