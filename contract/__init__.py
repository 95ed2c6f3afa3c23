"""The shared language of edge, hub and simulator: ids, messages, topics, errors, device frames.

Pure: standard library, msgspec and epcpy only; no I/O, no clock, no threads.
"""
