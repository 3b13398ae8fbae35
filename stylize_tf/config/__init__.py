"""Defaults, ranges, choices and help of all options; names of layers; presets."""
