"""Append-only events and the read tables folded from them. SQL lives here and nowhere else."""
