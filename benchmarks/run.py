"""Runs every benchmark: `make bench`. Options go to `benchmarks.quality`."""

import sys

from benchmarks import quality

if __name__ == "__main__":
    quality.main(sys.argv[1:])
