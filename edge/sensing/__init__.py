"""Reads → observations. Every stage is a pure function ``(state, reads, now) → (state, observations)``.

States are frozen msgspec Structs that serialise to bytes, so that the pipeline can store a checkpoint
in the transaction of the observations it led to. A better inference replaces one file and nothing else.
"""
