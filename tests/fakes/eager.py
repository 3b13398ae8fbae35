"""Compiled functions without their tracing, which takes most of the time of small pictures."""

import contextlib

import tensorflow as tf


@contextlib.contextmanager
def eagerly():
    """For laws on values; that graphs give the same is told once for each kind of function."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)
