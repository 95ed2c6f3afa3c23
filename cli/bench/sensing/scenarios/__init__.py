"""The scenarios of the scoreboard, found by themselves; see :mod:`cli.bench.sensing.contest`."""
