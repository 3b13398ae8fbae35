"""What processes of workers do in tests: no TensorFlow, and no more than they are asked for."""

import sys
import time
from pathlib import Path


def starts_where_there_is_paint(place, options, line):
    """Ends at its start with the reason, until there is a file `paint` beside the queue."""
    if not (Path(place.queue).parent / "paint").exists():
        line.send("There is no paint.\nBuy some.")
        sys.exit(1)
    line.send(None)
    time.sleep(600)
