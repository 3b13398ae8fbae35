"""The service under load, with its workers, its web process and its queue killed.

    python -m benchmarks.ours.service [--quick] [--jobs 200] [--kills 20] [--redis]
        [--only NAME ...]

load      many jobs of 64 pixels through a queue of 16, from four clients that ask again when they
          are refused; some are cancelled. Jobs lost (that never end), ended twice (more than one
          `end` among their events), resident memory of web process and worker at the 20th and at
          the last job.
kills     a worker killed by SIGKILL at random instants of a job: whether the pixels are those of a
          job that was left alone.
warm      seconds from asking for a job to its first step, upload and checks with it, of the first
          and of others of its size: at 64 pixels, and at the default size.
cost      seconds of a picture through the service, its worker warm, against those that the same
          worker takes from its first step to its last; and the command line's, with its start.
workers   jobs a minute with one worker and with two, each on one core.
cancel    seconds from DELETE to the end of a job of 256 pixels that is painted, those of one of its
          steps, and how often the end came within one step and a second, with a picture.
web       the whole service restarted at random instants of a job, by SIGTERM and SIGKILL in turns:
          whether a client that comes back with Last-Event-ID got every event once, and whether the
          pixels are those of a job that was left alone.
queue     the same with Redis killed and started anew; with --redis alone.

With --redis the queue is a Redis that the benchmark starts, and not SQLite.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.harness import arguments as arguments_of
from benchmarks.harness import common, processes
from benchmarks.harness.problem import EXAMPLES
from benchmarks.harness.served import RedisServer, Served, events, until

SHORT = {"size": "64", "coarsest_size": "48", "steps": "4", "precision": "float32"}
LONG = {**SHORT, "steps": "60"}
CLIENTS = 4
CANCELLED = 0.1


class Client:
    """Asks one service for pictures of the example pair."""

    def __init__(self, served: Served):
        self.http = served.client()
        self._pictures = [
            (role, (path.name, path.read_bytes()))
            for role, path in zip(("content", "style"), EXAMPLES, strict=True)
        ]

    def ask(self, options: dict[str, str]) -> str:
        """The id of a new job; waits where the queue is full."""
        while True:
            answer = self.http.post("/v1/jobs", files=self._pictures, data=options)
            if answer.status_code == 202:
                return str(answer.json()["id"])
            assert answer.status_code == 429, answer.text
            time.sleep(0.2)

    def status(self, job: str) -> dict[str, Any]:
        """Where a job stands."""
        found: dict[str, Any] = self.http.get(f"/v1/jobs/{job}").json()
        return found

    def ended(self, job: str) -> dict[str, Any]:
        """Where a job stands when it is over."""
        return until(lambda: (x := self.status(job)).get("ended") and x, 600)

    def ready(self) -> None:
        """Waits until a worker is."""
        until(self._is_ready)

    def _is_ready(self) -> bool:
        with contextlib.suppress(httpx2.TransportError):
            return bool(self.http.get("/readyz").is_success)
        return False

    def pixels(self, job: str) -> bytes:
        """What was painted, as its file holds it but for what differs: the times of the recipe."""
        return self.http.get(f"/v1/jobs/{job}/result").content

    def events(self, job: str) -> list[str]:
        """Names of the events of a job that is over."""
        return [name for _, name in events(self.http, job)]

    def followed(self, job: str) -> list[tuple[int, str]]:
        """Numbers and names of all events of a job, by who comes back whenever it is cut off."""
        found: list[tuple[int, str]] = []
        while not found or found[-1][1] != "end":
            found += events(self.http, job, found[-1][0] if found else 0)
            time.sleep(0.1)
        return found


def resident(pid: int) -> float:
    """Megabytes of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def load(served: Served, jobs: int) -> dict[str, Any]:
    """See above."""
    asked: list[str] = []
    memory: list[tuple[float, float]] = []
    lock = threading.Lock()
    generator = random.Random(0)
    cancelled = {*generator.sample(range(jobs), round(CANCELLED * jobs))}
    numbers = iter(range(jobs))
    [worker] = served.workers()
    start = time.perf_counter()

    def ask() -> None:
        client = Client(served)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            job = client.ask(SHORT)
            if number in cancelled:
                client.http.delete(f"/v1/jobs/{job}")
            with lock:
                asked.append(job)
            client.ended(job)
            with lock:
                memory.append((resident(served.process.pid), resident(worker)))

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    client = Client(served)
    states = [client.status(job)["state"] for job in asked]
    ends = [client.events(job).count("end") for job in asked]
    early = memory[min(19, len(memory) - 1)]
    return {
        "jobs": len(asked),
        "lost": jobs - sum(x in ("finished", "cancelled") for x in states),
        "twice": sum(x != 1 for x in ends) + jobs - len({*asked}),
        "cancelled": states.count("cancelled"),
        "web MB": [early[0], memory[-1][0]],
        "worker MB": [early[1], memory[-1][1]],
        "seconds": seconds,
    }


def kills(served: Served, count: int) -> dict[str, Any]:
    """See above."""
    client, generator = Client(served), random.Random(1)
    client.ended(client.ask(LONG))
    start = time.perf_counter()
    job = client.ask(LONG)
    client.ended(job)
    seconds, whole = time.perf_counter() - start, client.pixels(job)
    same = begun = 0
    for number in range(count):
        until(lambda: len(served.workers()) == 1 and client.http.get("/readyz").is_success)
        job = client.ask(LONG)
        time.sleep(generator.uniform(0, seconds))
        for pid in served.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        client.ended(job)
        same += client.pixels(job) == whole
        begun += client.events(job).count("begin") > 1
        print(f"killed {number + 1}: {same} the same", file=sys.stderr)
    return {"kills": count, "same": same, "while they were painted": begun}


def warm(served: Served) -> dict[str, Any]:
    """See above."""
    client, found = Client(served), dict[str, Any]()
    for size, options in (("64 px", LONG), ("default", {})):
        taken = []
        for _ in range(4):
            start = time.perf_counter()
            job = client.ask(options)
            until(lambda job=job: client.status(job).get("evaluation"))
            taken.append(time.perf_counter() - start)
            client.http.delete(f"/v1/jobs/{job}")
            client.ended(job)
        found[size] = {"first job": taken[0], "others": statistics.median(taken[1:])}
    return found


def cost(served: Served, runs: int) -> dict[str, Any]:
    """See above."""
    client, own = Client(served), {"size": "256"}
    client.ended(client.ask(own))
    through, alone = [], []
    flags = [f"--{name}={value}" for name, value in own.items()]
    content, style = EXAMPLES
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs):
            start = time.perf_counter()
            client.ended(client.ask(own))
            through.append(time.perf_counter() - start)
            pair = [f"--content={content}", f"--style={style}", f"--output={folder}/a.png"]
            alone.append(processes.run(processes.main_command(*pair, *flags)).checked().seconds)
    return {"through the service": statistics.median(through), "command": statistics.median(alone)}


def cancel(served: Served, count: int) -> dict[str, Any]:
    """See above."""
    client = Client(served)
    seconds, steps, in_time = [], [], 0
    for _ in range(count):
        job = client.ask({"size": "256", "steps": "5000"})
        first = until(lambda job=job: client.status(job).get("evaluation"))
        begun = time.perf_counter()
        time.sleep(2)
        last = client.status(job)["evaluation"]
        start = time.perf_counter()
        steps.append((start - begun) / (last - first))
        client.http.delete(f"/v1/jobs/{job}")
        client.ended(job)
        seconds.append(time.perf_counter() - start)
        is_kept = client.http.get(f"/v1/jobs/{job}/result").is_success
        in_time += is_kept and seconds[-1] <= steps[-1] + 1
    return {
        "cancelled": count,
        "in time, with a picture": in_time,
        "seconds": [statistics.median(seconds), max(seconds)],
        "step": statistics.median(steps),
    }


def restarts(served: Served, count: int, restart: Callable[[int], None]) -> dict[str, Any]:
    """See above."""
    client, reader, generator = Client(served), Client(served), random.Random(2)
    client.ended(client.ask(LONG))
    start = time.perf_counter()
    job = client.ask(LONG)
    client.ended(job)
    seconds, whole = time.perf_counter() - start, client.pixels(job)
    once = same = 0
    with ThreadPoolExecutor(1) as pool:
        for number in range(count):
            client.ready()
            job = client.ask(LONG)
            reading = pool.submit(reader.followed, job)
            time.sleep(generator.uniform(0, seconds))
            restart(number)
            found = reading.result(600)
            client.ready()  # What ended before the restart was read before it, too.
            numbers, names = [x for x, _ in found], [x for _, x in found]
            once += numbers == [*range(1, len(found) + 1)] and names.count("end") == 1
            same += client.pixels(job) == whole
            print(f"restarted {number + 1}: {once} once, {same} the same", file=sys.stderr)
    return {"restarts": count, "every event once": once, "same": same}


def restart_service(served: Served, number: int) -> None:
    """Ends a service, now in good order and now as if the power went, and starts it again."""
    if number % 2:
        served.kill()
    else:
        served.process.terminate()
        served.process.wait()
    served.start()


def restart_queue(redis: RedisServer) -> None:
    """Kills a Redis, and starts it again."""
    redis.kill()
    time.sleep(1)
    redis.start()


def throughput(serve: Callable[..., Served], jobs: int) -> dict[str, Any]:
    """See above."""
    found = {}
    for count in (1, 2):
        with contextlib.closing(serve(f"--workers={count}", "--threads=1")) as served:
            client = Client(served)
            for job in [client.ask(LONG) for _ in range(2 * count)]:
                client.ended(job)
            start = time.perf_counter()
            for job in [client.ask(LONG) for _ in range(jobs)]:
                client.ended(job)
            found[f"{count} workers"] = 60 * jobs / (time.perf_counter() - start)
    return found


class Closing(Served):
    """One that `contextlib.closing` ends."""

    def close(self) -> None:
        """Ends it."""
        self.end()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for, print it, and write `service.json`."""
    parser = arguments_of.parser("ours.service", __doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--redis", action="store_true", help="Redis, and not SQLite.")
    parser.add_argument("--only", nargs="*", help="Names of what is measured.")
    options = parser.parse_args(arguments)
    jobs, count = (6, 1) if options.quick else (options.jobs, options.kills)
    results: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        queue: list[str] = []
        if options.redis:
            (root / "redis").mkdir()
            redis = RedisServer(root / "redis")
            stack.callback(redis.kill)
            queue = [f"--queue={redis.url}"]

        def serve(*flags: str) -> Closing:
            folder = Path(tempfile.mkdtemp(dir=root))
            return Closing(folder, "--network_workers=0", "--queue_length=16", *queue, *flags)

        measured: dict[str, Callable[[], dict[str, Any]]] = {
            "load": lambda: with_one(serve, lambda x: load(x, jobs)),
            "kills": lambda: with_one(serve, lambda x: kills(x, count)),
            "warm": lambda: with_one(serve, warm),
            "cost": lambda: with_one(serve, lambda x: cost(x, 1 if options.quick else 5)),
            "workers": lambda: throughput(serve, 4 if options.quick else 24),
            "cancel": lambda: with_one(serve, lambda x: cancel(x, count)),
            "web": lambda: with_one(
                serve, lambda x: restarts(x, count, lambda n: restart_service(x, n))
            ),
        }
        if options.redis:
            measured["queue"] = lambda: with_one(
                serve, lambda x: restarts(x, count, lambda n: restart_queue(redis))
            )
        for name, measure in measured.items():
            if not options.only or name in options.only:
                results[name] = measure()
                print(f"{name}: {results[name]}", flush=True)
    common.write_json(arguments_of.results_of(options), {"redis": options.redis, **results})


def with_one(
    serve: Callable[..., Closing], measure: Callable[[Served], dict[str, Any]]
) -> dict[str, Any]:
    """What is measured of a service with one worker."""
    with contextlib.closing(serve()) as served:
        client = served.client()
        until(lambda: client.get("/readyz").status_code == 200)
        return measure(served)


if __name__ == "__main__":
    main()
