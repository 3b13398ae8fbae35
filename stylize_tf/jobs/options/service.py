"""The options of the service, and of workers on other machines."""

from __future__ import annotations

import dataclasses

from stylize_tf.config.fields import option, seconds_option
from stylize_tf.jobs.options.common import MachineOptions, file_option

_BYTES = {"kB": 1e3, "MB": 1e6, "GB": 1e9}


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorkOptions(MachineOptions):
    """Where workers take jobs from, and how many there are."""

    queue: str | None = option(
        None,
        "Where jobs wait: redis://HOST:PORT/NUMBER for any number of machines, or an SQLite file.",
        shown="an SQLite file in `results`",
        placeholder="PLACE",
        section="Queue and workers",
    )
    results: str = option(
        "stylize_tf_jobs",
        "Where the pictures of jobs are: a folder, or a location of fsspec as s3://BUCKET/JOBS "
        "(with its package installed), which all machines reach.",
        placeholder="PLACE",
    )
    workers: int = option(
        1,
        "Processes that paint, one picture each; with several give `threads`, so that they share "
        "the cores.",
        limits=(0, 256),
    )
    network_workers: int = option(
        1,
        "Processes that paint with networks, for who wants a picture at once.",
        limits=(0, 256),
    )
    network: tuple[str, ...] = file_option(
        (),
        "A network of `train` that may be asked for beside the one that comes with the program, by "
        "the name of its file without .keras; the flag may be given several times. Workers of "
        "other machines are given the same ones.",
        shown="none",
    )
    job_seconds: float = seconds_option("Time that a job may take; none is as long as it takes.")
    lease: float = option(
        15.0,
        "Seconds without a sign of life after which a worker of another machine is taken for dead "
        "and its job given to another one.",
        limits=(1.0, 3600.0),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServeOptions(WorkOptions):
    """What the web process listens to and takes."""

    host: str = option(
        "127.0.0.1",
        "Address to listen at; 0.0.0.0 is reached from other machines, and then give `token`.",
        section="The service",
    )
    port: int = option(8000, "Port to listen at.", limits=(0, 65535))
    token: str | None = option(
        None,
        "What requests must bring, as `Authorization: Bearer TOKEN`; or in STYLIZE_TF_TOKEN, where "
        "no other process sees it.",
        shown="none",
    )
    queue_length: int = option(16, "Jobs that wait, at most.", limits=(1, 100_000))
    client_jobs: int = option(
        8, "Jobs of one address that have not ended, at most.", limits=(1, 100_000)
    )
    max_body: int = option(
        64_000_000, "Bytes of a request, at most.", limits=(1000, 2**40), units=_BYTES
    )
    upload_seconds: float = option(
        60.0,
        "Time that a request may take to arrive; who sends more slowly is refused.",
        limits=(1.0, 86_400.0),
        units={"s": 1.0, "min": 60.0, "h": 3600.0},
    )
    max_pixels: int = option(
        50_000_000, "Refuse pictures with more pixels than this.", limits=(1, 2**40)
    )
    keep: float = option(
        86_400.0,
        "Time after which the pictures of a job that has ended are deleted.",
        limits=(1.0, 1e9),
        units={"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0},
    )
