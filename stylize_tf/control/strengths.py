"""How strongly each place of a picture is painted, by a soft mask.

Where less is wanted the content counts more, as it does everywhere for a lower `strength`: a place
at half of a strength of 1 looks as all of the picture does at .5 (`balance.content_factors`). What
is black is the photograph, and up to `LEAST` it is mixed in; a mix alone, of all that is grey,
would let the photograph be seen through the painting.
"""

from __future__ import annotations

import numpy as np

LEAST = 0.2
"""Share of the strength that is painted at least; of less the photograph is mixed in."""


def painted(shares: np.ndarray) -> np.ndarray:
    """How much is seen of what is painted, in [0, 1], for shares of the strength in [0, 1]."""
    return np.minimum(shares / LEAST, 1).astype(np.float32)


def leaves_out(shares: np.ndarray) -> bool:
    """Whether the photograph is mixed in anywhere."""
    return bool((shares < LEAST).any())
