"""Options that are Beam's: which of them it knows, and what runs a batch by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from stylize_tf.config.fields import closest
from stylize_tf.errors import ConfigError

_HERE = {"directrunner", "direct", "fnapirunner"}
"""Names of what runs a batch on this machine."""


def checked(runner: str, words: Sequence[str]) -> tuple[str, ...]:
    """All options of Beam as a program is given them, its runner first.

    Args:
        runner: its name.
        words: what was given beside our own options; what follows -- is not looked at, as it may
            be of a server that only the runner asks.

    Raises:
        ConfigError: if one is not Beam's, or is no option.
    """
    end = words.index("--") if "--" in words else len(words)
    words, unread = words[:end], words[end + 1 :]
    for before, word in zip(["", *words], words, strict=False):
        takes_one = before.startswith("--") and "=" not in before
        if not word.startswith("--") and not takes_one:
            raise ConfigError(f"unexpected argument {word!r}: every value belongs to an option.")
    known = set(PipelineOptions([]).get_all_options())
    for name in PipelineOptions(words).get_all_options(retain_unknown_options=True):
        if name not in known:
            hint = closest(name, sorted(known)) or " What only a runner knows goes after --."
            raise ConfigError(f"there is no option `{name}`, nor has Beam one.{hint}")
    return (f"--runner={runner}", *words, *unread)


def runs_here(options: PipelineOptions) -> bool:
    """Whether workers are processes or threads of this machine."""
    return str(options.view_as(StandardOptions).runner).lower() in _HERE


def runner_of(options: PipelineOptions) -> Any:
    """What runs a pipeline with these options; None leaves it to Beam.

    Of the machine itself it is the one that heeds `direct_num_workers`. Beam's own choice would
    first fetch Prism, a program that does not, and take this one where there is no network.
    """
    if not runs_here(options):
        return None
    from apache_beam.portability.api import beam_provision_api_pb2
    from apache_beam.runners.portability.fn_api_runner import fn_runner
    from apache_beam.runners.portability.portable_runner import JobServiceHandle

    told = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    return fn_runner.FnApiRunner(
        provision_info=fn_runner.ExtendedProvisionInfo(
            beam_provision_api_pb2.ProvisionInfo(pipeline_options=told)
        )
    )
