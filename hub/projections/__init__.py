"""Pure folds (state, event) → state, one file each. No I/O, no clock, no SQL.

Every fold is insensitive to the order in which streams interleave: a state is either a register that
the greatest (event time, stream, seq) wins, or a sum or a set of things named by their key. So any cut
into batches and any interleaving gives the same tables, and a rebuild equals the live ones.
"""
