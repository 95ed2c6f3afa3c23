"""Durable store-and-forward queue, and the sensing checkpoints that belong to it.

One SQLite file (WAL, ``synchronous=FULL``). :meth:`Outbox.commit` writes observations *and* the state
that produced them in one transaction: after a crash the agent neither repeats an arrival nor forgets a
counter's baseline. A row leaves the file only when the hub's receipt covers it **and** the receipt's
digest is the digest of our own row, so a receipt earned by a cloned card deletes nothing here.

Invariants:

- numbers of a stream have no gaps: what must be dropped stays as a lost-range until it is receipted;
- a stream id is made with the file and names this file's numbering only; in doubt a new stream is
  opened and every unreceipted row is renumbered into it, in order.

The file itself is :mod:`edge.outbox_file`'s; the hot path is one raw connection used from one thread.
"""

import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec

from contract.ids import StreamId
from contract.messages import (
    MAX_ENVELOPE_BYTES,
    MAX_LINES,
    Alert,
    AnyObservation,
    DeviceHealth,
    Receipt,
    Rejected,
    RowDigest,
    digest_line,
    encode_observation,
)
from edge.model import Parcel, RejectRead
from edge.outbox_file import Transaction, open_file

log = logging.getLogger(__name__)

MAX_PARCEL_BYTES: Final = MAX_ENVELOPE_BYTES // 2
TELEMETRY: Final = (DeviceHealth, Rejected)
"""Kinds that are dropped first when the outbox is full."""


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of the outbox.

    Attributes:
        max_rows: observations kept; beyond it the oldest telemetry, then the oldest rows, become lost-ranges.
        max_dead_letters: refused device inputs kept for inspection; the oldest go first.
    """

    max_rows: Annotated[int, msgspec.Meta(ge=100)] = 500_000
    max_dead_letters: Annotated[int, msgspec.Meta(ge=0)] = 10_000


class Outbox:
    """See the module's opening paragraph. Every method must be called from one thread at a time.

    Args:
        path: SQLite file; made when missing, set aside when damaged.
        bounds: limits.
        agent: agent id, the prefix of the stream's name.
    """

    def __init__(self, path: Path, *, agent: str, bounds: Bounds | None = None) -> None:
        self._agent = agent
        self._bounds = bounds or Bounds()
        self._connection, self.recovered = open_file(path)
        self._load()

    def _load(self) -> None:
        meta = dict(self._connection.execute("SELECT key, value FROM meta").fetchall())
        if "stream" not in meta:
            meta = {"stream": self._new_stream_id(), "next_seq": 1, "receipt_seq": 0, "receipt_digest": None}
            with self._transaction():
                self._connection.executemany(
                    "INSERT INTO meta (key, value) VALUES (?, ?)", list(meta.items())
                )
        self.stream = StreamId(meta["stream"])
        self.next_seq = int(meta["next_seq"])
        self.receipt_seq = int(meta["receipt_seq"])
        self._receipt_digest = meta["receipt_digest"]
        self._row_count = int(self._connection.execute("SELECT count(*) FROM rows").fetchone()[0])

    def _new_stream_id(self) -> str:
        return f"{self._agent[:40]}-{secrets.token_hex(6)}"

    def close(self) -> None:
        """Close the file; everything committed stays."""
        self._connection.close()

    # -- writing ------------------------------------------------------------------------------

    def commit(
        self, observations: Sequence[AnyObservation], checkpoints: Mapping[str, bytes] | None = None
    ) -> int:
        """Store observations and the sensing state that produced them, in one durable transaction.

        Returns:
            The number of the last observation (``next_seq - 1``).

        Raises:
            LinkError: the disk is full or failing; nothing of this call is stored.
        """
        rows = []
        seq = self.next_seq
        for observation in observations:
            line = encode_observation(observation)
            rows.append((seq, line, digest_line(line), isinstance(observation, TELEMETRY)))
            seq += 1
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO rows (seq, line, digest, telemetry) VALUES (?, ?, ?, ?)", rows
            )
            self._connection.executemany(
                "INSERT INTO checkpoints (stage, state) VALUES (?, ?) "
                "ON CONFLICT (stage) DO UPDATE SET state = excluded.state",
                list((checkpoints or {}).items()),
            )
            self._set(next_seq=seq)
            excess = self._row_count + len(rows) - self._bounds.max_rows
            dropped = self._drop(excess + self._bounds.max_rows // 100, "outbox_full") if excess > 0 else 0
        self.next_seq = seq
        self._row_count += len(rows) - dropped
        return seq - 1

    def checkpoint(self, stage: str) -> bytes | None:
        """Return the stored state of a sensing stage, None before its first commit."""
        row = self._connection.execute("SELECT state FROM checkpoints WHERE stage = ?", (stage,)).fetchone()
        return None if row is None else bytes(row[0])

    def park(self, rejects: Iterable[RejectRead]) -> None:
        """Keep refused device input for inspection, newest ``max_dead_letters`` of it.

        Raises:
            LinkError: the disk is full or failing.
        """
        rows = [(r.at, r.device, r.reason, r.raw[:1024], r.detail[:200]) for r in rejects]
        if not rows:
            return
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO dead_letters (at, device, reason, raw, detail) VALUES (?, ?, ?, ?, ?)", rows
            )
            self._connection.execute(
                "DELETE FROM dead_letters WHERE id <= (SELECT max(id) FROM dead_letters) - ?",
                (self._bounds.max_dead_letters,),
            )

    def dead_letters(self) -> list[tuple[int, str, str, bytes]]:
        """Return what was refused and is still kept, oldest first: (at, device, reason, bytes)."""
        return self._connection.execute(
            "SELECT at, device, reason, raw FROM dead_letters ORDER BY id"
        ).fetchall()

    def remember_command(self, command_id: str, now: int) -> bool:
        """Note a command id; False when it was noted before, so that a repeat does nothing."""
        with self._transaction():
            self._connection.execute("DELETE FROM commands WHERE at < ?", (now - 7 * 86_400_000,))
            cursor = self._connection.execute(
                "INSERT OR IGNORE INTO commands VALUES (?, ?)", (command_id, now)
            )
        return cursor.rowcount == 1

    # -- sending ------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many observations no receipt covers yet."""
        return self._row_count

    def parcels(self, after: int, limit: int) -> list[Parcel]:
        """Return what comes after number ``after``, up to ``limit`` observations, as envelopes to be.

        Lost-ranges come as parcels of their own, in their place.
        """
        after = max(after, self.receipt_seq)
        lost = self._connection.execute(
            "SELECT first_seq, last_seq, reason FROM lost WHERE last_seq > ? ORDER BY first_seq", (after,)
        ).fetchall()
        rows = self._connection.execute(
            "SELECT seq, line FROM rows WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
        ).fetchall()
        parcels: list[Parcel] = []
        run: list[tuple[int, bytes]] = []

        def flush() -> None:
            if run:
                parcels.append(Parcel(run[0][0], run[-1][0], tuple(line for _, line in run)))
                run.clear()

        for seq, line in rows:
            while lost and lost[0][0] < seq:
                flush()
                parcels.append(Parcel(max(lost[0][0], after + 1), lost[0][1], (), lost[0][2]))
                lost.pop(0)
            if (
                len(run) == MAX_LINES
                or sum(len(waiting) for _, waiting in run) + len(line) > MAX_PARCEL_BYTES
            ):
                flush()
            run.append((seq, bytes(line)))
        flush()
        if len(rows) < limit:
            parcels.extend(Parcel(max(first, after + 1), last, (), reason) for first, last, reason in lost)
        return parcels

    def accept(self, receipt: Receipt) -> bool:
        """Delete what a receipt covers, if the receipt is about *our* rows.

        Returns:
            True when the receipt fits; False when the hub's copy of this stream is not ours (the receipt
            is beyond our numbers, its digest differs from our row, or the hub reports a conflict): ask
            with :meth:`rows_in_doubt` and then call :meth:`settle`.
        """
        if receipt.seq >= self.next_seq:
            return False
        if receipt.seq < self.receipt_seq:
            return True
        if receipt.digest is not None and receipt.seq > 0:
            ours = self._digest_of(receipt.seq)
            if ours is not None and ours != receipt.digest:
                return False
        if receipt.conflict_seq is not None and self._holds_other(receipt):
            return False
        if receipt.seq > self.receipt_seq:
            self._forget_until(receipt.seq, receipt.digest)
        return True

    def step_back(self, receipt_seq: int) -> None:
        """The hub has less than it once receipted (an older copy of its ledger was restored).

        What it forgot is no longer here; a lost-range says so, and the stream goes on behind it.
        """
        first, last = receipt_seq + 1, self.receipt_seq
        with self._transaction():
            # A range that the old receipt reached into begins behind what the hub forgot.
            self._connection.execute("UPDATE lost SET first_seq = ? WHERE first_seq <= ?", (last + 1, last))
            self._connection.execute("INSERT INTO lost VALUES (?, ?, ?)", (first, last, "hub_restored"))
            self._set(receipt_seq=receipt_seq, receipt_digest=None)
        log.error("event=hub_went_back stream=%s from=%d to=%d", self.stream, last, receipt_seq)
        self.receipt_seq, self._receipt_digest = receipt_seq, None

    def _holds_other(self, receipt: Receipt) -> bool:
        """A conflict is ours when the disputed number is still unreceipted here."""
        assert receipt.conflict_seq is not None
        return self.receipt_seq < receipt.conflict_seq < self.next_seq and receipt.seq >= receipt.conflict_seq

    def rows_in_doubt(self, limit: int = 2000) -> tuple[RowDigest, ...]:
        """Return number and digest of the lowest rows still held, for a hello."""
        rows = self._connection.execute(
            "SELECT seq, digest FROM rows ORDER BY seq LIMIT ?", (limit,)
        ).fetchall()
        return tuple(RowDigest(seq, digest) for seq, digest in rows)

    def settle(self, same_until: int, asked_until: int, now: int) -> bool:
        """The hub holds our rows up to ``same_until`` and perhaps other content after: open a new stream.

        Rows up to ``same_until`` are deleted (they are in the ledger); all others are renumbered from 1
        in their order, behind an alert that says what happened. One transaction.

        Args:
            same_until: the receipt's answer.
            asked_until: last number that was asked about.
            now: time of the alert in ms.

        Returns:
            True when a new stream is open; False when every row asked about was the same and there are
            more rows: ask again about those.
        """
        if (
            same_until >= asked_until
            and self._connection.execute("SELECT 1 FROM rows WHERE seq > ?", (asked_until,)).fetchone()
        ):
            self._forget_until(asked_until, self._digest_of(asked_until))
            return False
        old = self.stream
        dropped = self._connection.execute(
            "SELECT coalesce(sum(last_seq - first_seq + 1), 0) FROM lost"
        ).fetchone()[0]
        new = self._new_stream_id()
        alert = encode_observation(
            Alert(
                at=now,
                device=self._agent,
                code="stream_replaced",
                text=f"stream {old} was continued elsewhere (cloned card or restored outbox); rows from {same_until + 1} go on as {new}; {dropped} had been dropped before",
            )
        )
        with self._transaction():
            self._connection.execute("DELETE FROM rows WHERE seq <= ?", (same_until,))
            kept = self._connection.execute(
                "SELECT line, digest, telemetry FROM rows ORDER BY seq"
            ).fetchall()
            self._connection.execute("DELETE FROM rows")
            self._connection.execute("DELETE FROM lost")
            self._connection.executemany(
                "INSERT INTO rows (seq, line, digest, telemetry) VALUES (?, ?, ?, ?)",
                [(seq, *row) for seq, row in enumerate([(alert, digest_line(alert), False), *kept], start=1)],
            )
            self._set(stream=new, next_seq=len(kept) + 2, receipt_seq=0, receipt_digest=None)
        self._load()
        log.warning("event=stream_replaced old=%s new=%s kept=%d", old, new, len(kept))
        return True

    def _forget_until(self, seq: int, digest: int | None) -> None:
        with self._transaction():
            gone = self._connection.execute("DELETE FROM rows WHERE seq <= ?", (seq,)).rowcount
            self._connection.execute("DELETE FROM lost WHERE last_seq <= ?", (seq,))
            self._set(receipt_seq=seq, receipt_digest=digest)
        self.receipt_seq = seq
        self._receipt_digest = digest
        self._row_count -= gone

    def _digest_of(self, seq: int) -> int | None:
        if seq == self.receipt_seq:
            return None if self._receipt_digest is None else int(self._receipt_digest)
        row = self._connection.execute("SELECT digest FROM rows WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else int(row[0])

    def _drop(self, count: int, reason: str) -> int:
        """Turn the oldest ``count`` rows, telemetry first, into lost-ranges; returns how many."""
        victims = [
            seq
            for (seq,) in self._connection.execute(
                "SELECT seq FROM rows ORDER BY telemetry DESC, seq LIMIT ?", (count,)
            ).fetchall()
        ]
        self._connection.executemany("DELETE FROM rows WHERE seq = ?", [(seq,) for seq in victims])
        merged = _merge(
            [(seq, seq) for seq in victims]
            + self._connection.execute("SELECT first_seq, last_seq FROM lost").fetchall()
        )
        self._connection.execute("DELETE FROM lost")
        self._connection.executemany(
            "INSERT INTO lost (first_seq, last_seq, reason) VALUES (?, ?, ?)",
            [(a, b, reason) for a, b in merged],
        )
        log.error("event=outbox_full dropped=%d reason=%s", len(victims), reason)
        return len(victims)

    # -- plumbing -----------------------------------------------------------------------------

    def _set(self, **values: object) -> None:
        self._connection.executemany(
            "UPDATE meta SET value = ? WHERE key = ?", [(v, k) for k, v in values.items()]
        )

    def _transaction(self) -> Transaction:
        return Transaction(self._connection)


def _merge(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
