"""The service and a Redis as processes of their own, which may be killed."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx2

from benchmarks.harness.problem import ROOT

_Found = TypeVar("_Found")


class Served:
    """`python main.py serve`, or `work`, in a folder of its own."""

    def __init__(self, folder: Path, *arguments: str, command: str = "serve"):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        arguments = [f"--results={folder / 'jobs'}", "--lease=3", *arguments]
        if command == "serve":
            arguments = [f"--port={self.port}", "--client_jobs=1000", *arguments]
        self._command = [sys.executable, str(ROOT / "main.py"), command, *arguments]
        self._log = (folder / f"{command}.log").open("ab")
        self.process: subprocess.Popen[bytes]
        self._clients: list[httpx2.Client] = []
        self.start()

    def start(self) -> None:
        """Starts it, with all that it was asked for before."""
        # With a group of its own: what a killed parent leaves behind is found and ended.
        self.process = subprocess.Popen(
            self._command, stdout=self._log, stderr=self._log, start_new_session=True
        )

    def client(self) -> httpx2.Client:
        """A client, as soon as it answers."""
        client = httpx2.Client(base_url=self.url, timeout=30)
        self._clients.append(client)
        until(lambda: self._answers(client))
        return client

    @staticmethod
    def _answers(client: httpx2.Client) -> bool:
        try:
            return client.get("/healthz").status_code == 200
        except httpx2.TransportError:
            return False

    def log(self) -> str:
        """What it has said."""
        return Path(self._log.name).read_text(errors="replace")

    def workers(self) -> list[int]:
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

    def kill(self) -> None:
        """As if the power went: the process alone, its workers find out by themselves."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self, seconds: float = 30) -> None:
        """Ends it as a system does that stops it."""
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


class RedisServer:
    """Redis on a port and in a folder of its own; what it was told is on the disk at once."""

    def __init__(self, folder: Path):
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Starts it, with all that it was told before."""
        command = [
            "redis-server",
            "--port",
            str(self.port),
            "--dir",
            str(self._folder),
            "--save",
            "",
        ]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.05)
        raise AssertionError("redis-server does not answer.")

    def kill(self) -> None:
        """As if the power went."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


def events(
    client: httpx2.Client, job: str, after: int = 0, count: int | None = None
) -> list[tuple[int, str]]:
    """Numbers and names of the events of a job after one, up to so many, or until it is cut off."""
    found: list[tuple[int, str]] = []
    event: dict[str, str] = {}
    headers = {"Last-Event-ID": str(after)}
    with (
        contextlib.suppress(httpx2.TransportError),
        client.stream("GET", f"/v1/jobs/{job}/events", headers=headers) as stream,
    ):
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                event[name] = value
            elif "id" in event:
                found.append((int(event["id"]), event["event"]))
                event = {}
                if len(found) == count:
                    break
    return found


def until(act: Callable[[], _Found], seconds: float = 120.0) -> _Found:
    """What an act gives as soon as that is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = act()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("It took too long.")
