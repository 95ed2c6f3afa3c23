"""What a bad line does to bytes: loses, flips and adds some, and cuts the rest into other chunks.

Faults come from one seeded generator, so a run with faults repeats exactly.
"""

from random import Random

import msgspec


class FaultRates(msgspec.Struct, frozen=True, kw_only=True):
    """How bad a line is.

    Attributes:
        drop: chance of a byte to be lost.
        flip: chance of a byte to have one bit flipped.
        noise: chance of random bytes to appear before a byte.
        max_noise_bytes: how many at most.
        max_chunk: bytes arrive in chunks of 1 to this many; None leaves chunks as they are sent.
        glue: chance of a chunk to wait and arrive together with the next one.
    """

    drop: float = 0.0
    flip: float = 0.0
    noise: float = 0.0
    max_noise_bytes: int = 8
    max_chunk: int | None = None
    glue: float = 0.0


PERFECT = FaultRates()
DRIBBLE = FaultRates(max_chunk=1)


class FaultyBytes:
    """Applies faults to one direction of a line and counts them."""

    def __init__(self, rates: FaultRates = PERFECT, *, seed: int = 0) -> None:
        self.rates = rates
        self.dropped = self.flipped = self.added = 0
        self._random = Random(seed)  # noqa: S311 - faults must repeat, not surprise
        self._held = b""

    def apply(self, data: bytes) -> list[bytes]:
        """Return the chunks in which ``data`` arrives."""
        received = self._held + self._damage(data)
        self._held = b""
        if not received:
            return []
        if self._random.random() < self.rates.glue:
            self._held = received
            return []
        return self._cut(received)

    def flush(self) -> list[bytes]:
        """Return what was held back to be glued."""
        held, self._held = self._held, b""
        return [held] if held else []

    def _damage(self, data: bytes) -> bytes:
        rates, random = self.rates, self._random
        if not (rates.drop or rates.flip or rates.noise):
            return data
        received = bytearray()
        for byte in data:
            if random.random() < rates.noise:
                noise = random.randbytes(random.randint(1, rates.max_noise_bytes))
                received += noise
                self.added += len(noise)
            if random.random() < rates.drop:
                self.dropped += 1
            elif random.random() < rates.flip:
                received.append(byte ^ (1 << random.randrange(8)))
                self.flipped += 1
            else:
                received.append(byte)
        return bytes(received)

    def _cut(self, received: bytes) -> list[bytes]:
        if self.rates.max_chunk is None:
            return [received]
        chunks: list[bytes] = []
        at = 0
        while at < len(received):
            size = self._random.randint(1, self.rates.max_chunk)
            chunks.append(received[at : at + size])
            at += size
        return chunks
