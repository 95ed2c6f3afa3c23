"""Device bytes ⇄ frames: one sans-I/O codec per protocol, both directions.

A codec holds a buffer and nothing else. It never knows whether it plays host or device: host
conversations live in ``edge.drivers``, device behaviour in ``firmware_sim.devices``.
"""
