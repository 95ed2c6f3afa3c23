"""What a receiver hears when its line rate is not the sender's: the same bits, sampled at other times.

A byte is ten bits on the wire (8N1): start (low), eight data bits with the lowest first, stop (high). The
receiver waits for a falling edge and samples in the middle of what it takes for bits, so bytes at a wrong
rate become other bytes, more or fewer of them, never nothing. A missing stop bit is a framing error; the
byte is handed over all the same, as drivers do by default.
"""

from typing import Final

BITS_PER_BYTE: Final = 10


def resample(data: bytes, sent_baud: int, read_baud: int) -> bytes:
    """Return what a receiver at ``read_baud`` makes of bytes sent at ``sent_baud``, back to back."""
    if sent_baud == read_baud or not data:
        return data
    levels = [level for byte in data for level in (0, *((byte >> bit) & 1 for bit in range(8)), 1)]
    step = sent_baud / read_baud
    heard = bytearray()
    at = 0.0
    while at < len(levels):
        if levels[int(at)]:
            at += step / 8
            continue
        samples = [at + (bit + 1.5) * step for bit in range(8)]
        heard.append(
            sum(
                (levels[int(moment)] if moment < len(levels) else 1) << bit
                for bit, moment in enumerate(samples)
            )
        )
        at += (BITS_PER_BYTE - 0.5) * step
    return bytes(heard)
