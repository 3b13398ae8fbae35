"""Measurements of speed and quality: `python -m benchmarks.harness.run`, or one script alone."""
