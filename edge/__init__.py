"""On the Pi: device bytes become observations and leave safely.

transports → drivers → sensing → outbox → uplink; :mod:`edge.pipeline` and :mod:`edge.agent` wire them.
"""
