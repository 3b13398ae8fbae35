"""Where a training that was killed goes on: its state, in a file that is whole or absent."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stylize_tf.machine.atomic_files import replacing

FORMAT = 2
"""Of the file; others are not read."""


def save(
    path: str | os.PathLike[str], recipe: Mapping[str, Any], state: Sequence[np.ndarray]
) -> None:
    """Replaces the file by one of this state.

    Args:
        path: of the file.
        recipe: all that decides the network, as plain data.
        state: from `Trainer.state`.

    Raises:
        OSError: if it cannot be written; what was there is as it was.
    """
    header = json.dumps({"format": FORMAT, "recipe": recipe, "arrays": len(state)})
    arrays: dict[str, Any] = {f"array_{index}": array for index, array in enumerate(state)}
    with replacing(Path(path)) as file:
        np.savez(file, header=np.frombuffer(header.encode(), np.uint8), **arrays)


def load(path: str | os.PathLike[str], recipe: Mapping[str, Any]) -> list[np.ndarray]:
    """The state of an equal training.

    Raises:
        FileNotFoundError: if there is no file.
        ValueError: if it is not one, not all of one, or of a training with another recipe.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            header = json.loads(arrays["header"].tobytes())
            if header["format"] != FORMAT:
                raise ValueError("it is of another version")
            if header["recipe"] != json.loads(json.dumps(recipe)):
                raise ValueError("it is of a training with other options, paintings or photographs")
            return [arrays[f"array_{index}"] for index in range(header["arrays"])]
    except (OSError, ValueError):
        raise
    except Exception as error:  # Readers of such files raise many kinds.
        raise ValueError(f"it is no checkpoint, or not all of one ({error})") from error
