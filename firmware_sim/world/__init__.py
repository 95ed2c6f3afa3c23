"""A store that does not exist and whose truth is known: fixtures, items, shoppers, radio, load cells.

Pure and seeded: :class:`firmware_sim.world.world.World` is stepped with a time, has no clock and does no
I/O. The same scenario, seed and start give the same store, however often it is stepped in between.
"""
