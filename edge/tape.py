"""A tape: everything a pipeline was told, in order and with its times, so that it can be told again.

A tape is a gzipped file of JSON lines: the agent's configuration and checkpoint first, then one line per call.
A pass that told something also keeps a digest of what it told. Played again, the same calls lead to the
same observations, byte for byte, because no stage looks at anything but its arguments; where that fails,
:func:`play` says at which pass.

Secrets are not in it: they come from the environment and never reach the pipeline.
"""

import gzip
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from contract.errors import ConfigError
from contract.messages import AnyAction, AnyObservation
from edge.config import Edge, load_edge
from edge.outbox import Outbox
from edge.pipeline import Batch, Pipeline

FORMAT: Final = 1
DIGEST_LENGTH: Final = 16
CONFIG_FILE: Final = "edge.toml"


class Begun(msgspec.Struct, frozen=True, array_like=True, tag="begin"):
    """First line: what the pipeline was made of, and when it started."""

    format: int
    at: int
    config: str
    checkpoint: bytes | None


class Opened(msgspec.Struct, frozen=True, array_like=True, tag="open"):
    """A line was opened."""

    at: int
    device: str


class Closed(msgspec.Struct, frozen=True, array_like=True, tag="close"):
    """A line was lost."""

    at: int
    device: str
    why: str


class Received(msgspec.Struct, frozen=True, array_like=True, tag="in"):
    """Bytes came from a device."""

    at: int
    device: str
    topic: str
    data: bytes


class Polled(msgspec.Struct, frozen=True, array_like=True, tag="poll"):
    """A driver was asked what it wants to send."""

    at: int
    device: str


class Acted(msgspec.Struct, frozen=True, array_like=True, tag="act"):
    """A command was carried out."""

    at: int
    device: str
    action: AnyAction


class Reported(msgspec.Struct, frozen=True, array_like=True, tag="report"):
    """The agent added an observation of its own."""

    observation: AnyObservation


class Sensed(msgspec.Struct, frozen=True, array_like=True, tag="sense"):
    """One pass of the stages; ``digest`` of what it told, empty for nothing."""

    at: int
    suspect: bool
    digest: str


Entry: TypeAlias = Begun | Opened | Closed | Received | Polled | Acted | Reported | Sensed

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Entry)


class TapedPipeline(Pipeline):
    """A pipeline that writes down what it is told.

    Args:
        edge, outbox: as for a pipeline.
        tape: file to write; an existing one is replaced.
        config: text of the configuration file.

    Raises:
        ConfigError: the file cannot be written.
    """

    def __init__(self, edge: Edge, outbox: Outbox, tape: Path, config: str) -> None:
        super().__init__(edge, outbox)
        self._config = config
        self._checkpoint = outbox.checkpoint("sensing")
        try:
            self._tape = gzip.GzipFile(tape, "wb", mtime=0)
        except OSError as error:
            raise ConfigError(f"tape {tape} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """End the tape."""
        self._tape.close()

    def start(self, now: int) -> None:
        """The agent starts."""
        self._write(Begun(FORMAT, now, self._config, self._checkpoint))
        super().start(now)

    def line_opened(self, device: str, now: int) -> None:
        """A device's line is open."""
        self._write(Opened(now, device))
        super().line_opened(device, now)

    def line_closed(self, device: str, now: int, why: str) -> None:
        """A device's line went away."""
        self._write(Closed(now, device, why))
        super().line_closed(device, now, why)

    def receive(self, device: str, data: bytes, now: int, topic: str = "") -> None:
        """Bytes or one payload from a device."""
        self._write(Received(now, device, topic, data))
        super().receive(device, data, now, topic)

    def outgoing(self, device: str, now: int) -> bytes:
        """Return what to write to a device now."""
        self._write(Polled(now, device))
        return super().outgoing(device, now)

    def act(self, device: str, action: AnyAction, now: int) -> str | None:
        """Carry out a command."""
        self._write(Acted(now, device, action))
        return super().act(device, action, now)

    def report(self, observation: AnyObservation) -> None:
        """Add an observation of the agent about itself."""
        self._write(Reported(observation))
        super().report(observation)

    def sense(self, now: int, *, suspect: bool = False, last: bool = False) -> Batch | None:
        """Fold everything read so far."""
        batch = super().sense(now, suspect=suspect, last=last)
        self._write(Sensed(now, suspect, digest(self.told)))
        return batch

    def _write(self, entry: Entry) -> None:
        self._tape.write(_ENCODER.encode(entry) + b"\n")


def digest(observations: Sequence[AnyObservation]) -> str:
    """Return a digest of observations as they would be sent; empty for none."""
    if not observations:
        return ""
    return hashlib.sha256(_ENCODER.encode(observations)).hexdigest()[:DIGEST_LENGTH]


def read_tape(path: Path) -> Iterator[Entry]:
    """Yield the entries of a tape; one that was cut off ends where it was cut.

    Raises:
        ConfigError: it is no tape, or of a newer format.
    """
    try:
        with gzip.open(path, "rb") as file:
            for number, line in enumerate(_lines(file), start=1):
                entry = _DECODER.decode(line)
                if (number == 1) != isinstance(entry, Begun):
                    raise ConfigError(f"tape {path}, line {number}: expected one 'begin' entry, at the top")
                if isinstance(entry, Begun) and entry.format != FORMAT:
                    raise ConfigError(f"tape {path} has format {entry.format}; expected {FORMAT}")
                yield entry
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{path} is no tape: {error}; expected a file of `shelfwise sim record`") from error


def _lines(file: Any) -> Iterator[bytes]:
    try:
        for line in file:
            if line.endswith(b"\n"):
                yield line
    except EOFError:
        return


class Replayed(msgspec.Struct, frozen=True):
    """What one pass of a replay told.

    Attributes:
        at: time of the pass.
        observations: in order.
        same: they are what the recording told there.
    """

    at: int
    observations: tuple[AnyObservation, ...]
    same: bool


def play(path: Path) -> Iterator[Replayed]:
    """Tell a pipeline what is on a tape; yield the passes that told something, or should have.

    Raises:
        ConfigError: it is no tape, or its configuration is not one of this version.
    """
    entries = read_tape(path)
    first = next(entries, None)
    if not isinstance(first, Begun):
        raise ConfigError(f"tape {path} is empty")
    with tempfile.TemporaryDirectory(prefix="shelfwise-replay-") as folder:
        config = Path(folder) / CONFIG_FILE
        config.write_text(first.config, encoding="utf-8")
        edge = load_edge(config, {})
        outbox = Outbox(Path(folder) / "outbox.db", agent=edge.config.agent.id)
        try:
            if first.checkpoint is not None:
                outbox.commit((), {"sensing": first.checkpoint})
            pipeline = Pipeline(edge, outbox)
            pipeline.start(first.at)
            for entry in entries:
                if isinstance(entry, Sensed):
                    pipeline.tick(entry.at, suspect=entry.suspect)
                    same = digest(pipeline.told) == entry.digest
                    if pipeline.told or not same:
                        yield Replayed(entry.at, pipeline.told, same)
                else:
                    _tell(pipeline, entry)
        finally:
            outbox.close()


def _tell(pipeline: Pipeline, entry: Entry) -> None:
    match entry:
        case Opened(at, device):
            pipeline.line_opened(device, at)
        case Closed(at, device, why):
            pipeline.line_closed(device, at, why)
        case Received(at, device, topic, data):
            pipeline.receive(device, data, at, topic)
        case Polled(at, device):
            pipeline.outgoing(device, at)
        case Acted(at, device, action):
            pipeline.act(device, action, at)
        case Reported(observation):
            pipeline.report(observation)
        case _:
            pass
