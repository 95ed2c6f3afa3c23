"""Devices that do not exist, at wire level, in a store whose truth is known."""
