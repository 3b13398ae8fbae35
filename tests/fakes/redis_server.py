"""A real Redis of a test's own, that can be killed and started again."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest


class RedisServer:
    """Redis on a port and in a folder of its own; what it was told is on the disk at once."""

    def __init__(self, folder):
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process = None
        self.start()

    def start(self):
        command = [found(), "--port", str(self.port), "--dir", str(self._folder), "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.05)
        raise AssertionError("redis-server does not answer.")

    def kill(self):
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


def found():
    """The program; a test without it is skipped, or fails where `CI` is set."""
    path = shutil.which("redis-server")
    if path is None:
        told = "needs redis-server: apt-get install redis-server"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    return path
