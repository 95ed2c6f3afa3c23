"""Record what edges send: decide per envelope what is new, a repeat, a gap or a clone, and commit it.

Per stream the ledger holds everything up to ``receipt_seq``. An envelope that starts after the next
number is a gap and refused whole. Where it overlaps, digests are compared: the same content is a repeat
and dropped, other content under a used number means a cloned or restored outbox, and nothing of that
envelope is stored. What cannot be read is parked and its number counts as received, so no input can
block a stream. Nothing a payload contains raises out of here. Each touched stream is answered with one
receipt, a hello with its own; answers are returned, to be sent after the commit.
"""

import contextlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import repeat
from typing import Final, NamedTuple

import msgspec

from contract.errors import MessageError
from contract.ids import parse_slug
from contract.messages import (
    AnyObservation,
    BarcodeScanned,
    Envelope,
    GateBatch,
    Hello,
    Receipt,
    TagPresented,
    decode_hello,
    decode_observation,
    decode_result,
    digest_line,
    encode,
    split_envelope,
)
from contract.topics import ROOT, StreamAddress, parse_stream_topic, stream_topic
from hub.ledger.writer import StreamState, Transaction
from hub.model import PARKED
from hub.projections.batch import Batch
from hub.services.enrol import Paired, Told, pair
from hub.services.gate_light import signal

MAX_DEAD_LETTERS: Final = 10_000
MAX_PARKED_BYTES: Final = 4096
_NUL: Final = b"\\u0000"

Delivery = tuple[str, bytes]
"""Topic and payload of one message."""


class Counts(msgspec.Struct):
    """What a batch amounted to."""

    observations: int = 0
    repeats: int = 0
    gaps: int = 0
    conflicts: int = 0
    lost: int = 0
    dead_letters: int = 0


class Recorded(NamedTuple):
    """Outcome of a batch.

    Attributes:
        replies: topic and payload of receipts, to be published after the commit.
    """

    replies: list[Delivery]
    counts: Counts


class _Readable(msgspec.Struct):
    device: str = ""


_OF_STATIONS: Final = frozenset({BarcodeScanned, TagPresented})
_DEVICE: Final = msgspec.json.Decoder(_Readable)
_KINDS: Final[dict[type, str]] = {kind: str(kind.__struct_config__.tag) for kind in AnyObservation.__args__}


@lru_cache(maxsize=4096)
def _address_of(topic: str) -> tuple[StreamAddress, str]:
    return parse_stream_topic(topic)


def record(transaction: Transaction, deliveries: Sequence[Delivery], now: int) -> Recorded:
    """Take a batch of messages into the ledger; the transaction commits them together."""
    recorder = _Recorder(transaction, now)
    for topic, payload in deliveries:
        recorder.take(topic, payload)
    return recorder.finish()


def park_undigestible(transaction: Transaction, delivery: Delivery, now: int) -> Recorded:
    """Take one envelope that the database refused to store: park it whole and count its numbers."""
    recorder = _Recorder(transaction, now)
    recorder.take_unstorable(*delivery)
    return recorder.finish()


class _Recorder:
    """State of one batch: rows to store, and per stream what this batch has already added."""

    def __init__(self, transaction: Transaction, now: int) -> None:
        self._tx = transaction
        self._now = now
        self._rows: list[tuple[object, ...]] = []
        self._batch = Batch()
        self._touched: dict[StreamAddress, StreamState] = {}
        self._fresh: dict[int, dict[int, int]] = {}
        self._lost: list[tuple[object, ...]] = []
        self._dead: list[tuple[object, ...]] = []
        self._alerts: list[tuple[object, ...]] = []
        self._results: list[tuple[object, ...]] = []
        self._told: list[Told] = []
        self._gates: list[tuple[StreamAddress, GateBatch]] = []
        self._conflicts: dict[StreamAddress, int] = {}
        self._receipts: dict[StreamAddress, StreamState] = {}
        self._hellos: list[tuple[StreamState, Hello]] = []
        self._next_position = 0
        self._counts = Counts()

    def take(self, topic: str, payload: bytes) -> None:
        try:
            address, leaf = _address_of(topic)
            if leaf == "observations":
                self._take_envelope(topic, self._touch(address), split_envelope(payload), payload)
            elif leaf == "hello":
                self._take_hello(address, decode_hello(payload))
            else:
                self._park(
                    topic,
                    None,
                    MessageError("bad_topic", f"topic {topic!r} is not one the hub reads"),
                    payload,
                )
        except MessageError as error:
            if error.reason in ("bad_topic", "bad_id") and self._take_result(topic, payload):
                return
            self._park(topic, None, error, payload)

    def take_unstorable(self, topic: str, payload: bytes) -> None:
        address, _leaf = _address_of(topic)
        state = self._touch(address)
        header = split_envelope(payload).header
        error = MessageError("unstorable", "the database refused the content of this envelope")
        self._park(topic, header.first_seq, error, payload)
        if header.first_seq <= state.receipt_seq + 1 <= header.last_seq:
            self._skip(state, header.last_seq, error.reason)
        self._receipts[address] = state

    def _touch(self, address: StreamAddress) -> StreamState:
        state = self._touched.get(address)
        if state is None:
            state = self._touched[address] = self._tx.stream(address, self._now)
            state.last_record_ms = self._now
        return state

    def _take_envelope(self, topic: str, state: StreamState, envelope: Envelope, payload: bytes) -> None:
        header, lines = envelope.header, envelope.lines
        expected = state.receipt_seq + 1
        self._receipts[state.address] = state
        if header.first_seq > expected:
            state.refused += 1
            self._counts.gaps += 1
        elif header.lost is not None:
            if header.last_seq < expected:
                self._repeat(state, 1)
            else:
                self._skip(state, header.last_seq, header.lost.replace("\0", "?"))
        elif len(lines) != header.last_seq - header.first_seq + 1:
            count = header.last_seq - header.first_seq + 1
            error = MessageError("bad_range", f"the header announces {count} lines, {len(lines)} came")
            self._park(topic, header.first_seq, error, payload)
            if header.last_seq >= expected:
                self._skip(state, header.last_seq, error.reason)
        elif header.first_seq == expected:
            self._append(topic, state, lines, _NUL in payload)
        else:
            self._take_overlap(topic, state, envelope, _NUL in payload)

    def _take_overlap(self, topic: str, state: StreamState, envelope: Envelope, nul: bool) -> None:
        first = envelope.header.first_seq
        known = min(envelope.header.last_seq, state.receipt_seq) - first + 1
        stored = self._tx.digests(state.id, first, first + known - 1) | self._fresh.get(state.id, {})
        for seq, line in enumerate(envelope.lines[:known], first):
            digest = stored.get(seq)
            if digest is not None and digest != digest_line(line):
                self._conflict(state, seq)
                return
        self._repeat(state, known)
        if known < len(envelope.lines):
            self._append(topic, state, envelope.lines[known:], nul)

    def _append(self, topic: str, state: StreamState, lines: list[bytes], nul: bool) -> None:
        """Store lines that follow the receipt directly."""
        count, first = len(lines), state.receipt_seq + 1
        position = self._tx.next_positions(count)
        observations = self._read(topic, first, lines, nul=nul)
        self._told += [Told(state.address, one) for one in observations if type(one) in _OF_STATIONS]  # type: ignore[arg-type]
        self._gates += [(state.address, one) for one in observations if type(one) is GateBatch]
        digests = [digest_line(line) for line in lines]
        store, stream, add = state.address.store, state.address.stream, self._batch.add
        for offset, observation in enumerate(observations):
            if observation is not None:
                add(store, stream, first + offset, position + offset, observation)
        now = self._now
        self._rows += zip(
            range(position, position + count),
            repeat(state.id),
            range(first, first + count),
            digests,
            [PARKED if one is None else _KINDS[type(one)] for one in observations],
            [now if one is None else one.at for one in observations],
            repeat(now),
            ["" if one is None else line.decode() for one, line in zip(observations, lines, strict=True)],
            strict=False,
        )
        self._fresh.setdefault(state.id, {}).update(zip(range(first, first + count), digests, strict=True))
        state.receipt_seq, state.receipt_digest = first + count - 1, digests[-1]
        self._counts.observations += count

    def _read(self, topic: str, first: int, lines: list[bytes], *, nul: bool) -> list[AnyObservation | None]:
        """Return the lines as observations, None for one that had to be parked."""
        if not nul:
            # A whole envelope that reads well, which is the rule, costs one try.
            with contextlib.suppress(MessageError):
                return [decode_observation(line) for line in lines]
        found: list[AnyObservation | None] = []
        for seq, line in enumerate(lines, first):
            try:
                found.append(_decode_without_nul(line))
            except MessageError as error:
                self._park(topic, seq, error, line)
                found.append(None)
        return found

    def _repeat(self, state: StreamState, count: int) -> None:
        state.repeats += count
        self._counts.repeats += count

    def _skip(self, state: StreamState, last_seq: int, reason: str) -> None:
        """Advance over numbers that have no content."""
        first = state.receipt_seq + 1
        self._lost.append((state.id, first, last_seq, reason, self._now))
        state.lost += last_seq - first + 1
        state.receipt_seq, state.receipt_digest = last_seq, None
        self._counts.lost += last_seq - first + 1

    def _conflict(self, state: StreamState, seq: int) -> None:
        state.refused += 1
        self._counts.conflicts += 1
        self._conflicts.setdefault(state.address, seq)
        text = f"stream {state.address.stream} of agent {state.address.agent} sent other content under number {seq}: a cloned or restored outbox"
        self._alerts.append(
            (
                state.address.store,
                "stream_conflict",
                state.address.stream,
                seq,
                "hub",
                state.address.agent,
                text,
                self._now,
                1,
                self._now,
            )
        )

    def _take_hello(self, address: StreamAddress, hello: Hello) -> None:
        self._hellos.append((self._touch(address), hello))

    def _take_result(self, topic: str, payload: bytes) -> bool:
        levels = topic.split("/")
        if len(levels) != 5 or not topic.startswith(f"{ROOT}/") or levels[4] != "result":
            return False
        try:
            store, agent = parse_slug("store", levels[2]), parse_slug("agent", levels[3])
            result = decode_result(payload)
        except MessageError:
            return False
        detail = result.detail.replace("\0", "?")
        self._results.append(
            (store, agent, result.command_id, result.device, result.outcome, detail, result.at, self._now)
        )
        return True

    def _park(self, topic: str, seq: int | None, error: MessageError, payload: bytes) -> None:
        self._counts.dead_letters += 1
        levels = topic.split("/")
        store = _clean(levels[2]) if len(levels) > 2 else None
        detail = _clean(str(error))
        self._dead.append(
            (
                store,
                _clean(topic),
                seq,
                _device_of(payload),
                error.reason,
                detail,
                payload[:MAX_PARKED_BYTES],
                self._now,
            )
        )

    def finish(self) -> Recorded:
        """Write everything and return the answers."""
        tx = self._tx
        paired = pair(tx, self._told, self._now) if self._told else Paired({}, [])
        tx.append_events(self._rows, self._batch)
        for store, bindings in paired.bindings.items():
            tx.append_own(store, bindings, self._now)
        if self._gates:
            signal(tx, self._gates, self._now)
        tx.append_lost(self._lost)
        tx.append_dead_letters(self._dead, keep=MAX_DEAD_LETTERS)
        tx.note_alerts([*self._alerts, *paired.alerts])
        tx.note_command_results(self._results)
        tx.save_streams(self._touched.values())
        replies = [
            (
                stream_topic(address, "receipt"),
                encode(_receipt(state, conflict_seq=self._conflicts.get(address))),
            )
            for address, state in self._receipts.items()
        ]
        replies += [
            (stream_topic(state.address, "receipt"), encode(self._answer(state, hello)))
            for state, hello in self._hellos
        ]
        return Recorded(replies, self._counts)

    def _answer(self, state: StreamState, hello: Hello) -> Receipt:
        same_until = None
        if hello.rows:
            stored = self._tx.digests_of(state.id, [row.seq for row in hello.rows])
            same_until = hello.rows[0].seq - 1
            for row in hello.rows:
                if stored.get(row.seq) != row.digest:
                    break
                same_until = row.seq
        return _receipt(state, answers=hello.nonce, same_until=same_until)


def _decode_without_nul(line: bytes) -> AnyObservation:
    """PostgreSQL stores no U+0000 in text; it names nothing anyway."""
    if _NUL in line:
        raise MessageError("bad_observation", "text with the character U+0000 is not allowed")
    return decode_observation(line)


def _receipt(
    state: StreamState,
    *,
    answers: str | None = None,
    same_until: int | None = None,
    conflict_seq: int | None = None,
) -> Receipt:
    return Receipt(
        seq=state.receipt_seq,
        digest=state.receipt_digest,
        answers=answers,
        same_until=same_until,
        conflict_seq=conflict_seq,
    )


def _clean(text: str) -> str:
    """Return text that every database stores: no U+0000, no half characters, at most 500 of them."""
    return text.replace("\0", "?").encode("utf-8", "replace").decode()[:500]


def _device_of(payload: bytes) -> str | None:
    try:
        return parse_slug("device", _DEVICE.decode(payload).device)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, MessageError):
        return None
