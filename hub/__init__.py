"""The hub in the back room: observations become facts, plans and answers."""
