"""A few steps of a stylization, for `benchmarks.ours.memory_and_time`: prints one line of JSON.

python -m benchmarks.ours.child_steps CONTENT STYLE OUTPUT '{"size": 1024, "steps": [4]}'
"""

from __future__ import annotations

import json
import sys

from benchmarks.harness import processes
from stylize_tf import ConfigError, StyleTransferConfig, Stylizer
from stylize_tf.images import image_io


def main(content: str, style: str, output: str, options: str) -> None:
    """Paint, write the picture, and print the seconds of each step and the peak of the memory."""
    try:
        config = StyleTransferConfig(**json.loads(options))
    except (TypeError, ConfigError) as error:
        print(json.dumps({"refused": str(error)}))
        return
    seconds = []
    for iterate in Stylizer(config).iterate(content, style):
        seconds.append(iterate.seconds)
    image_io.write(output, iterate.image)
    peak = processes.own_peak_bytes()
    print(json.dumps({"seconds": seconds, "peak_bytes": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
