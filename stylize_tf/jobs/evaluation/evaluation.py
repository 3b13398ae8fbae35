"""An evaluation before TensorFlow is loaded: its pairs, and the run that paints them, checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from stylize_tf.config.presets import PRESETS
from stylize_tf.errors import ConfigError, ImageError, OutputError
from stylize_tf.images import image_io
from stylize_tf.jobs.evaluation import pairs as listing
from stylize_tf.jobs.evaluation.pairs import Pair
from stylize_tf.jobs.folder import tasks
from stylize_tf.jobs.folder.tasks import Folder
from stylize_tf.jobs.job import check_given, configured
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.networks import painting as networks
from stylize_tf.jobs.options.evaluation import EvaluationOptions
from stylize_tf.jobs.options.painting import Given, Options
from stylize_tf.machine.atomic_files import try_replacing

_OWN = ("content", "style", "pairs", "limit", "painted", "json", "sheet", "output_dir")
"""Options of an evaluation that those who paint for it have not, or have others of."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What is to be judged.

    Attributes:
        options: that were asked for.
        pairs: in their order.
        folder: what is painted first; None if the pictures are there.
    """

    options: EvaluationOptions
    pairs: tuple[Pair, ...]
    folder: Folder | None


def prepare(
    options: Mapping[str, Any],
    config: Mapping[str, Any],
    from_files: Set[str],
    scratch: str,
    listener: Listener,
) -> Evaluation:
    """Finds the pairs, and checks all that painting them needs.

    Args:
        options: fields of `EvaluationOptions` that were given.
        config: fields of `StyleTransferConfig` that were given.
        from_files: names of those that nothing but a file of flags gave.
        scratch: a folder for what is painted and not kept.
        listener: told of pictures that cannot be painted.

    Raises:
        ConfigError, ImageError, OutputError, WeightsError: saying which of it cannot be had.
    """
    asked = EvaluationOptions(**options)
    _check(asked, options, config)
    shared = {x: y for x, y in options.items() if x not in _OWN}
    seed = configured(Given({}, config), PRESETS[asked.preset]).seed
    all_pairs, places = _pairs(asked, seed, listener)
    label = ""
    if asked.network is not None:
        network = Options(network=asked.network, network_style=asked.network_style)
        label = networks.find(network).label
        shared.pop("weights", None)  # By which it is judged.
    if asked.painted is not None:
        if not Path(asked.painted).is_dir():
            raise ImageError(f"`painted` {asked.painted!r} is no folder.")
        found = listing.named(all_pairs, asked.painted, label)
        return Evaluation(asked, tuple(found[place] for place in places), None)
    target = asked.output_dir or scratch
    wanted = [all_pairs[place] for place in places]
    jobs = [(content, () if label else (style,)) for content, style in wanted]
    given = Given({**shared, "output_dir": target, "skip_existing": True}, config, from_files)
    folder = tasks.prepare(given, listener, list(dict.fromkeys(jobs)))
    return Evaluation(asked, tuple(listing.named(wanted, target, label)), folder)


def _check(asked: EvaluationOptions, options: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Raises a `ConfigError` for options that do not go together, and looks where figures go."""
    given = [name for name in ("content", "style") if getattr(asked, name)]
    if asked.pairs is None:
        check_given(given, "`content` val2017 `style` wikiart, or `pairs` FILE.csv")
    elif given:
        raise ConfigError(f"`pairs` names all files: leave out `{given[0]}`.")
    if asked.painted is not None:
        useless = [*(x for x in ("output_dir", "preset") if x in options), *config]
        for name in useless:
            if name != "seed":
                raise ConfigError(
                    f"`{name}` has no effect here: the pictures of `painted` are there. Leave one "
                    f"of them out."
                )
    if asked.sheet is not None:
        image_io.check_output(asked.sheet)
    if asked.json is not None:
        try:
            try_replacing(Path(asked.json))
        except OSError as error:
            raise OutputError(
                f"`json` {asked.json!r} cannot be written: {error.strerror}."
            ) from error


def _pairs(
    asked: EvaluationOptions, seed: int, listener: Listener
) -> tuple[list[tuple[str, str]], list[int]]:
    """All pairs, and the places of those that are judged."""
    if asked.pairs is None:
        return listing.find(asked.content, asked.style, asked.limit, seed, listener.warning)
    found = listing.read_list(asked.pairs)
    return found, listing.drawn(len(found), asked.limit, seed)
