"""The keys of a gate in the agent's file: its antennas, what stands and shines there, how soon it answers."""

from typing import Annotated, Literal, TypeAlias

import msgspec

from contract.ids import Slug
from edge.sensing.gate_classifier import Carries

Share: TypeAlias = Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]
Port: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=64)]
GateName: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9_-]{0,46}[a-z0-9])?$(?!\n)")]


class GateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One gate.

    Attributes:
        id: its name, at most 48 characters; part of every batch's id.
        device: the reader that says who tells of the gate, and whose antennas plain numbers mean.
        outside, inside: antennas before and behind the line, as numbers, or ``DEVICE/ANTENNA`` of another
            reader.
        photo_eye: input of the device that is active while something stands in the gate.
        photo_eye_active: the level that means so.
        ok_output, doubt_output: outputs of the device that answer a batch.
        light_ms: how long they do.
        moved_prior: share of the tags heard beside a carrier that are carried.
        live: how probable a passage must be while the tag is still heard.
        decided: … and when its hearing has ended; less is told as undecided.
        hold_ms: how long after its last verdict a batch stays open.
        wait_ms: how long after its first passage it waits for tags that are still open.
    """

    id: GateName
    device: Slug
    outside: Annotated[tuple[int | str, ...], msgspec.Meta(min_length=1)]
    inside: Annotated[tuple[int | str, ...], msgspec.Meta(min_length=1)]
    carries: Carries = "goods"
    photo_eye: Port | None = None
    photo_eye_active: Literal["high", "low"] = "high"
    ok_output: Port | None = None
    doubt_output: Port | None = None
    light_ms: Annotated[int, msgspec.Meta(ge=0)] = 5_000
    moved_prior: Share = 0.1
    answer_ms: Annotated[int, msgspec.Meta(ge=0, le=5_000)] = 1_500
    live: Share = 0.98
    decided: Share = 0.5
    hold_ms: Annotated[int, msgspec.Meta(ge=0, le=30_000)] = 300
    wait_ms: Annotated[int, msgspec.Meta(ge=0, le=30_000)] = 2_500

    def sides(self) -> dict[tuple[str, int], int]:
        """Return (device, antenna) → 0 outside, 1 inside.

        Raises:
            ValueError: an antenna is neither a number from 1 up nor DEVICE/ANTENNA, or is named twice.
        """
        found: dict[tuple[str, int], int] = {}
        for side, antennas in enumerate((self.outside, self.inside)):
            for antenna in antennas:
                device, slash, number = str(antenna).rpartition("/")
                if not (number.isascii() and number.isdecimal()) or int(number) < 1 or (slash and not device):
                    raise ValueError(
                        f"antenna {antenna!r} is neither a number from 1 up nor DEVICE/ANTENNA, for example 'portal-b/1'"
                    )
                key = (device or self.device, int(number))
                if key in found:
                    raise ValueError(f"antenna {antenna!r} is named twice")
                found[key] = side
        return found
