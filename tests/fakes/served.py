"""The service as processes of their own, which may be killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2

ROOT = Path(__file__).resolve().parents[2]


class Served:
    """`python main.py serve`, or `work`, in a folder of its own."""

    def __init__(self, folder, *arguments, command="serve"):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        arguments = [f"--results={folder / 'jobs'}", "--lease=3", *arguments]
        if command == "serve":
            arguments += [f"--port={self.port}", "--client_jobs=1000", "--queue_length=1000"]
        self._command = [sys.executable, str(ROOT / "main.py"), command, *arguments]
        self._log = (folder / f"{command}.log").open("ab")
        self.process = None
        self._clients = []
        self.start()

    def start(self):
        # With a group of its own: what a killed parent leaves behind is found and ended.
        self.process = subprocess.Popen(
            self._command, stdout=self._log, stderr=self._log, start_new_session=True
        )

    def client(self):
        client = httpx2.Client(base_url=self.url, timeout=30)
        self._clients.append(client)
        until(lambda: self._answers(client))
        return client

    @staticmethod
    def _answers(client):
        try:
            return client.get("/healthz").status_code == 200
        except httpx2.TransportError:
            return False

    def workers(self):
        """Process numbers of its workers."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                told = (path / "status").read_text()
                line = (path / "cmdline").read_bytes()
            except OSError:
                continue
            if f"PPid:\t{self.process.pid}\n" in told and b"spawn_main" in line:
                found.append(int(path.name))
        return found

    def kill(self):
        """As if the power went: the process alone, its workers find out by themselves."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self, seconds=30):
        for client in self._clients:
            client.close()
        self._log.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            finally:
                if self.process.poll() is None:
                    os.killpg(self.process.pid, signal.SIGKILL)
                    self.process.wait()


def until(act, seconds=120.0):
    """What an act gives as soon as that is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = act()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("It took too long.")
