"""Measurements of our own program."""
