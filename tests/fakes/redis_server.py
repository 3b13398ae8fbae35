"""A real Redis for tests."""

import os
import shutil

import pytest

from benchmarks.harness.served import RedisServer


def redis_server(folder):
    """One of the test's own; without the program it is skipped, or fails where `CI` is set."""
    if shutil.which("redis-server") is None:
        told = "needs redis-server: apt-get install redis-server"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    return RedisServer(folder)
