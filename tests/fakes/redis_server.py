"""A real Redis for tests."""

from benchmarks.harness.served import RedisServer
from tests.fakes.programs import program


def redis_server(folder):
    """One of the test's own."""
    program("redis-server")
    return RedisServer(folder)
