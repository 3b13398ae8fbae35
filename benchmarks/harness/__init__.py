"""What the benchmarks share, the table of figures, and `run`, which runs them all."""
