"""Measurements of speed and quality: one script a question, run as `python -m benchmarks.NAME`."""
