"""``shelfwise bench fuzz``: dirty lines for every codec there is, and what it makes of them.

Four kinds of dirt, each followed by whole frames: random bytes; frames with flipped bits; truncated
frames; frames glued without a gap, with scrambled bytes among them. Asked of each codec:

- **No exception** escapes from the codec or its driver.
- **Counters add up**: every byte fed ends in exactly one frame, one reject, or waits.
- **False frames** stay within chance. A candidate is a position whose field checks pass, so that only
  its checksum decides. With a check of *b* bits a random candidate passes with probability 2^-b, so
  their number is bounded by the binomial distribution: the bound is passed by chance once in a million
  runs. Protocols without a checksum have no bound; their figure is what field checks let through.
- **Recovery**: behind any dirt, a whole frame is found that begins at most one maximum frame after it.

Everything follows from the seed. Drivers of whole payloads (JSON, TLV) get the same dirt as payloads, and
every protocol of ``shelfwise decode``, tills among them, gets it as captures.
"""

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from cli.decoding import decode_lines, protocols
from cli.drivers.conformance import build
from contract.errors import ConfigError
from contract.wire.base import Codec, Reject
from contract.wire.hunting import Failed, Found, HuntingCodec
from edge.driver import DriverSpec, StreamDriver
from edge.drivers import drivers

CHANCE: Final = 1e-6
DIRT_BYTES: Final = 400
MAX_FLIPS: Final = 3

Spec = DriverSpec[Any]
Dirt = Callable[[random.Random, Sequence[bytes]], bytes]


class Outcome(msgspec.Struct, kw_only=True):
    """What one codec made of its dirt.

    Attributes:
        fed: bytes.
        framed: bytes in frames.
        refused: bytes in rejects.
        frames: whole frames that were sent and found.
        false_frames: frames that were never sent.
        candidates: positions where only the checksum decided.
        check_bits: width of the checksum, 0 for none.
        bound: most false frames that chance explains, None without a checksum.
        late: times that no frame was found within one maximum frame behind the dirt.
        failures: exceptions, as text.
    """

    driver: str
    fed: int = 0
    framed: int = 0
    refused: int = 0
    frames: int = 0
    false_frames: int = 0
    candidates: int = 0
    check_bits: int = 0
    bound: int | None = None
    late: int = 0
    failures: list[str] = msgspec.field(default_factory=list)

    @property
    def good(self) -> bool:
        """True when every law was kept."""
        within = self.bound is None or self.false_frames <= self.bound
        return within and not self.late and not self.failures and self.fed == self.framed + self.refused


def binomial_bound(tries: int, probability: float, chance: float = CHANCE) -> int:
    """Return the smallest k such that more than k successes in ``tries`` are rarer than ``chance``."""
    if tries == 0 or probability >= 1:
        return tries
    log_term = tries * math.log1p(-probability)
    tail, at = 1.0 - math.exp(log_term), 0
    while tail > chance and at < tries:
        at += 1
        log_term += math.log(tries - at + 1) - math.log(at) + math.log(probability) - math.log1p(-probability)
        tail -= math.exp(log_term)
    return at


def random_bytes(chance: random.Random, frames: Sequence[bytes]) -> bytes:
    """Bytes that know nothing of the protocol."""
    return chance.randbytes(chance.randint(1, DIRT_BYTES))


def flipped(chance: random.Random, frames: Sequence[bytes]) -> bytes:
    """A frame with one to three bits turned over."""
    frame = bytearray(chance.choice(frames))
    for bit in chance.sample(range(8 * len(frame)), min(8 * len(frame), chance.randint(1, MAX_FLIPS))):
        frame[bit // 8] ^= 1 << bit % 8
    return bytes(frame)


def truncated(chance: random.Random, frames: Sequence[bytes]) -> bytes:
    """The beginning or the end of a frame."""
    frame = chance.choice(frames)
    cut = chance.randint(1, max(1, len(frame) - 1))
    return frame[:cut] if chance.random() < 0.5 else frame[-cut:]


def scrambled(chance: random.Random, frames: Sequence[bytes]) -> bytes:
    """Glued frames, among them some with many bytes replaced."""
    pieces = []
    for _ in range(chance.randint(1, 6)):
        frame = bytearray(chance.choice(frames))
        if chance.random() < 0.5:
            for at in range(len(frame)):
                if chance.random() < 0.4:
                    frame[at] = chance.randrange(256)
        pieces.append(bytes(frame))
    return b"".join(pieces)


KINDS_OF_DIRT: Final[tuple[Dirt, ...]] = (random_bytes, flipped, truncated, scrambled)


class _Listener:
    """A codec, and an account of what it made of every byte."""

    def __init__(self, codec: Codec[Any], outcome: Outcome) -> None:
        self._codec = codec
        self._outcome = outcome
        self._stream = bytearray()
        self._cut_at = 0
        self._seen: set[int] = set()
        if isinstance(codec, HuntingCodec):
            judge = codec._judge  # noqa: SLF001 - the one place that watches a decision from outside

            def watched(start: int) -> Any:
                verdict = judge(start)
                if isinstance(verdict, Found) or (
                    isinstance(verdict, Failed) and verdict.reason == "checksum"
                ):
                    self._seen.add(self._cut_at + start)
                return verdict

            codec._judge = watched  # type: ignore[method-assign]  # noqa: SLF001

    @property
    def position(self) -> int:
        """Bytes fed so far."""
        return len(self._stream)

    def feed(self, chunk: bytes, known: frozenset[bytes], within: frozenset[bytes]) -> int | None:
        """Feed a chunk; return where in the stream the first known frame in it began, None for nowhere."""
        outcome, codec = self._outcome, self._codec
        self._stream += chunk
        outcome.fed += len(chunk)
        codec.feed(chunk)
        first = None
        while (item := codec.next_frame()) is not None:
            end = len(self._stream) - codec.waiting
            raw = bytes(self._stream[self._cut_at : end])
            if not isinstance(item, Reject) or item.reason == "checksum":
                self._seen.add(self._cut_at)
            if isinstance(item, Reject):
                outcome.refused += len(item.raw)
                if item.raw != raw:
                    outcome.failures.append(f"a reject names {len(item.raw)} bytes, {len(raw)} were taken")
            else:
                outcome.framed += len(raw)
                if raw in known:
                    outcome.frames += 1
                    first = self._cut_at if first is None else first
                elif raw not in within:
                    outcome.false_frames += 1
            self._cut_at = end
        return first

    def close(self) -> None:
        left = self._codec.close()
        if left is not None:
            self._outcome.refused += len(left.raw)
        self._outcome.candidates += len(self._seen)


def fuzz_codec(spec: Spec, seed: int, budget: int, frames: Sequence[bytes]) -> Outcome:
    """Give one codec ``budget`` bytes of dirt and frames, and account for it."""
    chance = random.Random(f"{seed}/{spec.name}")  # noqa: S311 - reproducible dirt, no secret
    driver = build(spec)
    assert isinstance(driver, StreamDriver)
    codec = driver.fresh_codec()
    outcome = Outcome(driver=spec.name, check_bits=codec.check_bits)
    known, within = frozenset(frames), frames_within(driver, frames)
    while outcome.fed < budget:
        codec = driver.fresh_codec()
        listener = _Listener(codec, outcome)
        try:
            for _ in range(64):
                dirt = chance.choice(KINDS_OF_DIRT)(chance, frames)
                for at in range(0, len(dirt), 50):
                    listener.feed(dirt[at : at + 50], known, within)
                tail = _frames_to_follow(chance, frames, codec.max_frame)
                begun = listener.position
                first = listener.feed(tail, known, within)
                if first is None or first > begun + codec.max_frame:
                    outcome.late += 1
                if outcome.fed >= budget:
                    break
            listener.close()
        except Exception as error:  # noqa: BLE001 - whatever escapes is the finding
            outcome.failures.append(repr(error))
            break
        driver.receive(dirt, 0)
    if outcome.check_bits:
        outcome.bound = binomial_bound(max(0, outcome.candidates - outcome.frames), 2.0**-outcome.check_bits)
    return outcome


def frames_within(driver: StreamDriver[Any], frames: Sequence[bytes]) -> frozenset[bytes]:
    """Return the whole frames that lie inside others, as an EPC may hold one; to find them is no mistake."""
    found = set()
    for frame in frames:
        for start in range(1, len(frame)):
            codec, at = driver.fresh_codec(), start
            codec.feed(frame[start:])
            while (item := codec.next_frame()) is not None:
                end = len(frame) - codec.waiting
                if not isinstance(item, Reject):
                    found.add(frame[at:end])
                at = end
    return frozenset(found)


def _frames_to_follow(chance: random.Random, frames: Sequence[bytes], max_frame: int) -> bytes:
    """Return whole frames that fill at least one maximum frame, and one more."""
    tail = b""
    while len(tail) <= max_frame:
        tail += chance.choice(frames)
    return tail + chance.choice(frames)


def fuzz_payloads(spec: Spec, seed: int, budget: int, payloads: Sequence[bytes]) -> Outcome:
    """Give one payload driver dirt as payloads; it must answer each with reads and never raise."""
    chance = random.Random(f"{seed}/{spec.name}")  # noqa: S311 - reproducible dirt, no secret
    driver = build(spec)
    outcome = Outcome(driver=spec.name)
    while outcome.fed < budget:
        payload = chance.choice(KINDS_OF_DIRT)(chance, payloads)
        try:
            driver.receive_on("a/b/state", payload, 0)
        except Exception as error:  # noqa: BLE001 - whatever escapes is the finding
            outcome.failures.append(f"{error!r} on {payload[:60].hex()}")
            break
        outcome.fed += len(payload)
        outcome.refused += len(payload)
    return outcome


def fuzz_decoder(name: str, seed: int, budget: int, inputs: Sequence[bytes]) -> Outcome:
    """Give one protocol of ``shelfwise decode`` dirt as captures: tills, and what no driver reads as a stream."""
    chance = random.Random(f"{seed}/decode/{name}")  # noqa: S311 - reproducible dirt, no secret
    outcome = Outcome(driver=f"decode {name}")
    while outcome.fed < budget:
        capture = chance.choice(KINDS_OF_DIRT)(chance, inputs)
        try:
            for line in decode_lines(name, capture):
                outcome.frames += line["kind"] != "reject"
        except Exception as error:  # noqa: BLE001 - whatever escapes is the finding
            outcome.failures.append(f"{error!r} on {capture[:60].hex()}")
            break
        outcome.fed += len(capture)
        outcome.refused += len(capture)
    return outcome


def decoder_inputs(name: str, golden: Path | None) -> list[bytes]:
    """Return input that a protocol of ``shelfwise decode`` reads: a driver's examples and golden files."""
    found = list(drivers()[name].examples) if name in drivers() else []
    if golden is not None:
        found += golden_frames(golden, name)
        for path in sorted((golden / "payloads").glob(f"{name}_*.expected.json")):
            found.append(path.with_name(path.name.replace(".expected", "")).read_bytes())
    return found or [b"{}"]


def golden_lines(folder: Path, name: str) -> list[tuple[bytes, str]]:
    """Return the frames of a golden file with what is expected of each, as JSON text."""
    file = folder / "wire" / f"{name}.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    parts = [line.partition("=>") for line in lines if not line.startswith("#")]
    return [(bytes.fromhex(text), expected) for text, arrow, expected in parts if arrow]


def golden_frames(folder: Path, name: str) -> list[bytes]:
    """Return the frames of a golden file that decode, without those that are there to be refused."""
    return [frame for frame, expected in golden_lines(folder, name) if '"kind":"reject"' not in expected]


def fuzz_all(seed: int, budget: int, golden: Path | None) -> Iterator[Outcome]:
    """Give every driver and every decoder its share of ``budget`` bytes."""
    specs = list(drivers().values())
    share = budget // (len(specs) + len(protocols())) + 1
    for spec in specs:
        if spec.streams:
            frames = [*spec.examples, *(golden_frames(golden, spec.name) if golden else ())]
            yield fuzz_codec(spec, seed, share, single_frames(spec, frames))
        else:
            yield fuzz_payloads(spec, seed, share, spec.examples)
    for name in protocols():
        yield fuzz_decoder(name, seed, share, decoder_inputs(name, golden))


def single_frames(spec: Spec, frames: Sequence[bytes]) -> list[bytes]:
    """Keep what is exactly one frame for this driver's codec: a golden line may show two, or a dialect."""
    driver = build(spec)
    assert isinstance(driver, StreamDriver)
    return [frame for frame in frames if driver.cut(frame) == [frame] and _is_frame(driver, frame)]


def _is_frame(driver: StreamDriver[Any], frame: bytes) -> bool:
    codec = driver.fresh_codec()
    codec.feed(frame)
    return not isinstance(codec.next_frame(), Reject | None)


def fuzz(
    *,
    amount: Annotated[int, typer.Option("--bytes", min=1_000, help="bytes over all codecs")] = 10_000_000,
    seed: Annotated[int, typer.Option(help="everything random follows from it")] = 1,
    golden: Annotated[
        Path | None, typer.Option(help="folder of golden frames to use beside the drivers' own examples")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Give every codec dirty lines; exits with 1 when one breaks a law.

    Example: shelfwise bench fuzz --bytes 10000000 --seed 1
    """
    if golden is not None and not golden.is_dir():
        raise ConfigError(f"{golden} is no folder; expected one with a folder 'wire' of golden frames")
    started = time.monotonic()
    console = Console(stderr=True)
    outcomes = list(
        track(
            fuzz_all(seed, amount, golden),
            "fuzzing …",
            total=len(drivers()) + len(protocols()),
            console=console,
            transient=True,
        )
    )
    good = all(outcome.good for outcome in outcomes)
    fed = sum(outcome.fed for outcome in outcomes)
    if as_json:
        rows = {
            outcome.driver: {**msgspec.to_builtins(outcome), "good": outcome.good} for outcome in outcomes
        }
        print(json.dumps({"seed": seed, "bytes": fed, "chance": CHANCE, "good": good, "codecs": rows}))
    else:
        Console().print(_picture(outcomes, seed, fed, time.monotonic() - started))
    raise typer.Exit(0 if good else 1)


def _picture(outcomes: Sequence[Outcome], seed: int, fed: int, seconds: float) -> Table:
    title = f"{fed:,} bytes, seed {seed}, {seconds:.0f} s; a bound is passed by chance once in a million runs"
    table = Table(
        "driver", "bytes", "frames", "candidates", "check", "false", "bound", "late", "", title=title
    )
    for one in outcomes:
        verdict = "ok" if one.good else f"[red]{'; '.join(one.failures[:1]) or 'look'}[/red]"
        check = f"{one.check_bits} bit" if one.check_bits else "none"
        bound = "" if one.bound is None else str(one.bound)
        table.add_row(
            one.driver, f"{one.fed:,}", f"{one.frames:,}", f"{one.candidates:,}", check, str(one.false_frames), bound, str(one.late), verdict
        )  # fmt: skip
    return table
