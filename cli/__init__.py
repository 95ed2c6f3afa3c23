"""``shelfwise …``: the one program that may see every package. Commands are thin."""
