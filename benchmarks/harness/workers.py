"""Programs that are timed in turns: each in a process of its own, answering one line with one line.

TensorFlow and PyTorch do not share a process: their thread pools and their copies of oneDNN would
meet. A worker loads its library once, prepares what is to be timed, and then waits, asleep, while
the other one is timed.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

from benchmarks.harness.problem import ROOT

Handlers = Mapping[str, Callable[..., Any]]


class WorkerError(RuntimeError):
    """A worker could not do what it was asked for; the message says why."""


class Worker:
    """The near end: `worker.ask("time", name="a", repeats=3)`.

    Args:
        module: to run with `python -m`; it calls `serve`.
        python: the interpreter.
        threads: that its library may use; 0 leaves it to the library.
    """

    def __init__(self, module: str, python: str = sys.executable, threads: int = 0):
        environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
        if threads:
            environment |= {"OMP_NUM_THREADS": str(threads), "BENCHMARK_THREADS": str(threads)}
        self._module = module
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the worker
        self._process = subprocess.Popen(
            [python, "-m", module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment,
        )

    def ask(self, do: str, **arguments: Any) -> Any:
        """The worker's answer.

        Raises:
            WorkerError: if it failed or ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            words = " ".join(self._errors.read().split()[-60:])
            raise WorkerError(f"{self._module} ended with {self._process.returncode}: {words}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self._module}, asked to {do}: {answer['error']}")
        return answer["answer"]

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def serve(handlers: Handlers) -> None:
    """The far end: answers requests from standard input until it is closed.

    What handlers print goes to standard error, so that answers stay whole.
    """
    with _answers() as answers:
        for line in sys.stdin:
            request = json.loads(line)
            try:
                answer = {"answer": handlers[request.pop("do")](**request)}
            except Exception as error:  # The near end decides what it means.
                answer = {"error": f"{type(error).__name__}: {error}"}
            answers(json.dumps(answer))


@contextlib.contextmanager
def _answers() -> Iterator[Callable[[str], None]]:
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:
        os.dup2(2, 1)

        def answer(text: str) -> None:
            stream.write(text + "\n")
            stream.flush()

        yield answer


def threads() -> int:
    """How many threads the near end asked for; 0 if it left it open."""
    return int(os.environ.get("BENCHMARK_THREADS", "0"))


def has(module: str, python: str = sys.executable) -> bool:
    """Whether that Python finds a module; it is not imported."""
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
    try:
        return (
            subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


def version(distribution: str, python: str = sys.executable) -> str | None:
    """Version of a distribution that a Python has; None if it has none."""
    code = f"import importlib.metadata as m; print(m.version({distribution!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None
