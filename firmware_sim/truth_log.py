"""Ground truth as files: a snapshot that is always whole, and the events as they happen.

The snapshot is replaced atomically, so a reader never sees half of one. Events go to a second file
beside it (``truth.json`` → ``truth.events.jsonl``), one JSON object per line.
"""

from pathlib import Path
from typing import Final

import msgspec

from contract.errors import LinkError
from firmware_sim.world.truth.state import Truth

SNAPSHOT_EVERY_MS: Final = 1_000


class TruthLog:
    """Writes one store's truth.

    Args:
        path: the snapshot's file; the event file is made new beside it.

    Raises:
        LinkError: the files cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events_path = path.with_suffix(".events.jsonl")
        self._encoder = msgspec.json.Encoder()
        self._written = 0
        self._next_at = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.events_path.write_bytes(b"")
        except OSError as error:
            raise LinkError(f"ground truth cannot be written to {path}: {error}") from error

    def follow(self, truth: Truth, now: int) -> None:
        """Write what is new, at most once a second."""
        if now >= self._next_at:
            self._next_at = now + SNAPSHOT_EVERY_MS
            self.write(truth, now)

    def write(self, truth: Truth, now: int) -> None:
        """Append the new events and replace the snapshot.

        Raises:
            LinkError: the files cannot be written.
        """
        fresh = truth.events[self._written :]
        waiting = self.path.with_name(self.path.name + ".new")
        try:
            with self.events_path.open("ab") as file:
                file.writelines(self._encoder.encode(event) + b"\n" for event in fresh)
            waiting.write_bytes(self._encoder.encode(truth.snapshot(now)))
            waiting.replace(self.path)
        except OSError as error:
            raise LinkError(f"ground truth cannot be written to {self.path}: {error}") from error
        self._written = len(truth.events)
