"""The sections of the set-up page, one file each."""
