"""Twins: the device role of each protocol, a state machine on top of ``contract.wire``."""
