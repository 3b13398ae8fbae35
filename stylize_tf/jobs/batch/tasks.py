"""The pictures that a batch is of, checked as far as it can be before a worker starts.

Names hang on all inputs, as in a folder run, so whoever starts the batch looks for these; nothing
but their names is read there. The tasks are part of what a runner is sent: Dataflow, which takes 20
MB, has room for some 50,000.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence, Set
from typing import Any

from stylize_tf.config.presets import PRESETS
from stylize_tf.errors import ConfigError, OutputError
from stylize_tf.jobs.job import check_given, configured
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.networks import painting as networks
from stylize_tf.jobs.options.batch import BatchOptions
from stylize_tf.jobs.options.checks import check_format, check_needs, check_network
from stylize_tf.jobs.options.painting import PNG, Given, Options
from stylize_tf.jobs.outputs import distinct_names
from stylize_tf.machine.extras import require

_OWN = ("content", "style", "output", "dead_letter", "runner", "progress", "quiet")
"""Options of a batch that a picture of it has not, or has other ones of."""


@dataclasses.dataclass(frozen=True)
class Task:
    """A picture to paint.

    Attributes:
        content: where the photograph is.
        styles: where its paintings are; none for a network.
        path: where the picture goes.
    """

    content: str
    styles: tuple[str, ...]
    path: str


@dataclasses.dataclass(frozen=True)
class How:
    """How all pictures of a batch are painted: plain data, which every worker is sent.

    Attributes:
        options: fields of `Options` that were given.
        config: fields of `StyleTransferConfig` that were given.
        from_files: names of those that nothing but a file of flags gave.
    """

    options: Mapping[str, Any]
    config: Mapping[str, Any]
    from_files: Set[str] = frozenset()

    def given(self, **pictures: Any) -> Given:
        """What is asked for of one picture."""
        return Given({**self.options, **pictures}, self.config, self.from_files)


@dataclasses.dataclass(frozen=True)
class Batch:
    """Pictures to paint, and what runs it.

    Attributes:
        how: they are painted.
        tasks: which.
        dead_letter: the file of those that fail.
        beam: options of Beam.
    """

    how: How
    tasks: tuple[Task, ...]
    dead_letter: str
    beam: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a batch.

    Attributes:
        painted, skipped, failed: how many pictures.
        failures: the lines of the dead letter: `content`, `styles`, `output`, `error` and `kind`,
            the name of its class.
    """

    painted: int
    skipped: int
    failed: int
    failures: tuple[dict[str, Any], ...]


def prepare(
    options: Mapping[str, Any],
    config: Mapping[str, Any],
    from_files: Set[str],
    beam: Sequence[str],
    listener: Listener,
) -> Batch:
    """Finds and checks all that can be told without reading a picture, and makes the folder.

    Args:
        options: fields of `BatchOptions` that were given.
        config: fields of `StyleTransferConfig` that were given.
        from_files: names of those that nothing but a file of flags gave.
        beam: what else was given, which is Beam's.
        listener: told of what is odd.

    Raises:
        ConfigError, ImageError, OutputError, WeightsError: saying which of it cannot be had.
    """
    asked = BatchOptions(**options)
    how = How({x: y for x, y in options.items() if x not in _OWN}, config, from_files)
    label = _checked(how, asked, listener)
    if asked.output is None:
        raise ConfigError("`output` must be given: the folder of the pictures.")
    require("apache_beam", "beam", "runner")
    from stylize_tf.jobs.batch import beam_options, places

    own = beam_options.checked(asked.runner, beam)
    places.heed(own)
    contents = places.find("content", asked.content)
    styles = tuple(places.find("style", asked.style))
    blended = bool(config.get("style_blend_weights"))
    groups = [()] if label else [styles] if blended else [(style,) for style in styles]
    pairs = [(content, group) for group in groups for content in contents]
    named = [(content, group or (label,)) for content, group in pairs]
    names = distinct_names(named, f".{asked.output_format or PNG}")
    tasks = tuple(
        Task(content, group, places.join(asked.output, name))
        for (content, group), name in zip(pairs, names, strict=True)
    )
    taken = {*contents, *styles} & {task.path for task in tasks}
    if taken:
        raise OutputError(
            f"{min(taken)!r} is an input, which it would overwrite. Choose another `output`."
        )
    dead_letter = asked.dead_letter or places.join(asked.output, "failed.jsonl")
    for path in (tasks[0].path, dead_letter):
        places.try_writing(path)
    places.remove(dead_letter)  # Of a run before, which this one tries again.
    return Batch(how, tasks, dead_letter, own)


def _checked(how: How, asked: BatchOptions, listener: Listener) -> str:
    """What names of pictures tell of a network's styles; empty without one.

    Raises:
        ConfigError: if options do not go together.
        WeightsError: if there is no such network.
    """
    has_styles = asked.network is None
    present = [name for name in ("content", "style") if getattr(asked, name)]
    check_given(present, "`content` 'photos/*' `style` 'paintings/*'", has_styles)
    stand_in = {"style": ("style.png",)} if asked.style else {}
    given = how.given(content=("content.png",), output_dir=".", **stand_in)
    options = Options(**given.options)
    config = configured(given, PRESETS[options.preset])
    check_needs(given, options, [config], warn=listener.warning)
    check_format(given, options, f".{options.output_format or PNG}", True, listener.warning)
    if config.init == "picture":
        raise ConfigError('`init` "picture" goes with one picture.')
    if "," in options.device:
        raise ConfigError("`device`: a worker paints on one device. Name one.")
    if has_styles:
        return ""
    check_network(given, listener.warning)
    networks.check(options, [config], 1)
    return networks.find(options).label
