"""Seeded generators: one per device and purpose, so that one more draw here changes nothing there.

The key is made of names, not of the order of creation: a second reader in a scenario leaves the first
one's noise and every shopper's decisions as they were.
"""

import zlib

import numpy as np


def generator(seed: int, *purpose: str) -> np.random.Generator:
    """Return the generator of one purpose, for example ``generator(7, "radio", "m100-window")``."""
    key = tuple(zlib.crc32(word.encode()) for word in purpose)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy=seed, spawn_key=key)))
