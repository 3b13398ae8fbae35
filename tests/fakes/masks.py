"""Masks for tests."""

import numpy as np


def mask_of(*shape, fill=0.0):
    return np.full([1, *shape, 1], fill, np.float32)


def partition(rng, height, width, count):
    """Soft masks `[1, H, W, R]` that add up to 1 everywhere."""
    shares = rng.uniform(size=[1, height, width, count]).astype(np.float32)
    return shares / shares.sum(axis=3, keepdims=True)
