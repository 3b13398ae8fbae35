"""The pictures that are to be painted into a folder, checked before TensorFlow is loaded.

At first only headers are read; a picture is decoded when its turn comes, so memory does not grow
with their number.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.errors import ConfigError, ImageError, OutputError
from stylize_tf.images import image_io
from stylize_tf.iterative import pyramid
from stylize_tf.jobs import inputs, plan
from stylize_tf.jobs.folder.claims import clear_dead
from stylize_tf.jobs.folder.finding import find_files, identity
from stylize_tf.jobs.folder.masks import Masks, check_counts
from stylize_tf.jobs.inputs import NONE, Wanted
from stylize_tf.jobs.job import check_given, configured
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.networks import painting as networks
from stylize_tf.jobs.networks.painting import NetworkFile
from stylize_tf.jobs.options.checks import (
    check_format,
    check_modes,
    check_needs,
    check_network,
)
from stylize_tf.jobs.options.painting import PNG, Given, Options
from stylize_tf.jobs.outputs import Output, check_folders, distinct_names, make_folder
from stylize_tf.jobs.recipe import Recipe, RecipeError

Pair = tuple[str, tuple[str, ...]]
"""Paths of a photograph and of its paintings, of which a network has none."""


@dataclasses.dataclass(frozen=True)
class Task:
    """A picture to paint, of whose inputs nothing but the headers was read.

    Attributes:
        number: which of how many, from 1.
        content: path of the photograph.
        styles: paths of its paintings.
        fine_style: path of the painting that lends its strokes, or None.
        path: where the picture goes.
        content_masks: paths of the masks of the photograph, or "alpha".
        style_masks: likewise of the paintings.
        strength_mask: likewise of the strength, or None.
        work: pixels to evaluate, over all steps of all stages.
        sizes: height and width of its `files()`.
    """

    number: int
    content: str
    styles: tuple[str, ...]
    fine_style: str | None
    path: str
    content_masks: tuple[str, ...] = ()
    style_masks: tuple[str, ...] = ()
    strength_mask: str | None = None
    work: float = 0.0
    sizes: tuple[tuple[int, int], ...] = ()

    def wanted(self) -> list[Wanted]:
        """Its inputs, the photograph first."""
        items = [Wanted("content", self.content, self.content)]
        items += [Wanted("style", path, path) for path in self.styles]
        if self.fine_style is not None:
            items.append(Wanted("fine_style", self.fine_style, self.fine_style))
        items += [Wanted("content_mask", path, path) for path in self.content_masks]
        items += [Wanted("style_mask", path, path) for path in self.style_masks]
        if self.strength_mask is not None:
            items.append(Wanted("strength_mask", self.strength_mask, self.strength_mask))
        return items

    def files(self) -> list[Wanted]:
        """Those of its inputs that are files."""
        return [item for item in self.wanted() if not item.is_alpha]


@dataclasses.dataclass(frozen=True)
class Folder:
    """Pictures to paint into one folder.

    Attributes:
        config: how to stylize; the same for all.
        options: all else that was asked for.
        tasks: the pictures that are not there yet, in their order.
        inputs: what `identity` says of all photographs, paintings and masks.
        network: what they are painted with, if it is one.
    """

    config: StyleTransferConfig
    options: Options
    tasks: tuple[Task, ...]
    inputs: frozenset[object]
    network: NetworkFile | None = None

    def must_paint(self, task: Task) -> bool:
        """Whether a picture has to be painted: it is not there, or not to be left as it is.

        Raises:
            OutputError: if something is in its place that must not be replaced.
        """
        path, skip_existing = task.path, self.options.skip_existing
        if not os.path.lexists(path):
            return True
        if identity(path) in self.inputs:
            raise OutputError(
                f"{path!r} is an input, which it would overwrite. Choose another `output_dir`."
            )
        elsewhere = "Move it, or choose another `output_dir`."
        try:
            metadata = image_io.read_metadata(path)
        except ImageError as error:
            raise OutputError(
                f"{path!r} is there already and is no picture. {elsewhere}"
            ) from error
        try:
            recipe = Recipe.from_metadata(metadata or {})
        except RecipeError:
            if skip_existing:
                return False  # Somebody improved it, say, with a program that drops metadata.
            raise OutputError(
                f"{path!r} is there already and holds no recipe. `skip_existing` leaves it; or "
                f"move it."
            ) from None
        expected = [
            (item.role, "" if item.is_alpha else inputs.hash_of(item.found))
            for item in task.wanted()
        ]
        if [(item.role, item.sha256) for item in recipe.inputs] != expected:
            raise OutputError(f"{path!r} is there already, made from other pictures. {elsewhere}")
        if self.network is not None:
            own = self.network.sha256, list(self.options.network_style)
            if (recipe.weights.get("sha256"), recipe.options.get("network_style", [])) != own:
                raise OutputError(
                    f"{path!r} is there already, by another network or in another style of it. "
                    f"{elsewhere}"
                )
        return not (skip_existing and _is_finished(metadata))

    def is_done(self, task: Task) -> bool:
        """Whether a picture is there and to be left as it is."""
        with contextlib.suppress(ImageError):
            return not self.must_paint(task)
        return False

    def output(self, task: Task) -> Output:
        """Where a picture goes: over one that has to be painted again, or where nothing is."""

        def may_replace(path: str) -> bool:
            with contextlib.suppress(ImageError):  # Somebody put something else there meanwhile.
                return path == task.path and self.must_paint(task)
            return False

        return Output(task.path, derived=True, may_replace=may_replace)


def prepare(given: Given, listener: Listener, pairs: Sequence[Pair] = ()) -> Folder:
    """Finds and checks all that a run needs, cheapest first, and makes the folder.

    Args:
        given: what was asked for.
        listener: told of the pictures that are left out, because they are there or cannot be made.
        pairs: what is painted, if not each `content` in the manner of each `style`.

    Raises:
        ConfigError, ImageError, OutputError: if no picture at all can be made.
    """
    check_modes(given.options, "folder")
    options = Options(**given.options)
    config = configured(given, PRESETS[options.preset])
    check_needs(given, options, [config], warn=listener.warning)
    network = None
    if options.network is not None:
        check_network(given, listener.warning)
        networks.check(options, [config], max(1, len(options.content_mask)))
        network = networks.find(options)
    check_format(given, options, f".{options.output_format or PNG}", True, listener.warning)
    target = str(options.output_dir)
    if os.path.lexists(target) and not Path(target).is_dir():
        raise OutputError(f"{target!r} is not a folder. Choose another `output_dir`.")
    pairs = pairs or _pairs(options, config, listener)
    if config.init == "picture":
        raise ConfigError('`init` "picture" goes with one picture: leave out `output_dir`.')
    candidates = _candidates(options, pairs, network)
    has_styles = options.network is None
    inputs.paths_of(candidates[0].wanted()).check(config, has_styles=has_styles)
    files = [item.found for task in candidates for item in task.files()]
    sizes = inputs.sizes_of(files, options, listener)
    for path in _needed_by_all(candidates):  # Without one of these no picture can be made.
        _unless_broken(sizes[path])

    folder = Folder(config, options, (), frozenset(map(identity, sizes)), network)
    tasks: list[Task] = []
    for task in candidates:
        if _must_be_painted(task, folder, sizes, listener):
            found = tuple(_unless_broken(sizes[item.found]) for item in task.files())
            task = dataclasses.replace(task, work=_work(config, found[0]), sizes=found)
            tasks.append(dataclasses.replace(task, number=len(tasks) + 1))
    if tasks:
        make_folder(target, is_dry=options.dry_run)
        check_folders(options)
    return dataclasses.replace(folder, tasks=tuple(tasks))


def _pairs(options: Options, config: StyleTransferConfig, listener: Listener) -> list[Pair]:
    """Each photograph with each painting, or with all of a blend."""
    contents, styles = _inputs(options, listener)
    # One painting after the other, because what was computed of it is kept only so long.
    blended = bool(config.style_blend_weights)
    groups: list[tuple[str, ...]] = [tuple(styles)] if blended else [(x,) for x in styles]
    if options.network is not None:
        groups = [()]
    return [(content, group) for group in groups for content in contents]


def _candidates(options: Options, pairs: Sequence[Pair], network: NetworkFile | None) -> list[Task]:
    """A task for each pair, of which no file was looked at."""
    fine_style = None if options.fine_style in NONE else options.fine_style
    of_content = Masks("content_mask", options.content_mask)
    of_style = Masks("style_mask", options.style_mask)
    of_strength = Masks("strength_mask", tuple(filter(None, [options.strength_mask])))
    check_counts(of_content, of_style, len({x for _, styles in pairs for x in styles}))
    of_network = () if network is None else (network.label,)
    named = [(content, styles or of_network) for content, styles in pairs]
    names = distinct_names(named, f".{options.output_format or PNG}")
    return [
        Task(
            number=0,
            content=content,
            styles=styles,
            fine_style=fine_style,
            path=str(Path(str(options.output_dir)) / name),
            content_masks=of_content.of(content),
            style_masks=tuple(mask for style in styles for mask in of_style.of(style)),
            strength_mask=next(iter(of_strength.of(content)), None),
        )
        for (content, styles), name in zip(pairs, names, strict=True)
    ]


def _needed_by_all(tasks: list[Task]) -> set[str]:
    """The files without which none of the pictures can be made, but for the only photograph."""
    needed = ({item.found for item in task.files() if item.role != "content"} for task in tasks)
    return set.intersection(*needed)


def _must_be_painted(
    task: Task,
    folder: Folder,
    sizes: Mapping[str, tuple[int, int] | ImageError],
    listener: Listener,
) -> bool:
    """Whether a picture can be painted and has to be; the listener is told if not."""
    files = task.files()
    broken = (item.found for item in files if isinstance(sizes[item.found], ImageError))
    blamed = next(broken, task.content)
    try:
        known = {item.found: _unless_broken(sizes[item.found]) for item in files}
        found = [known[item.found] for item in files]
        inputs.check_sizes(folder.config, files, found)
        if folder.options.network is None:
            plan.check_memory(folder.config, folder.options, files, found)
        image_io.check_side(task.path, *pyramid.final_size(folder.config, *found[0]))
        inputs.check_masks(task.wanted(), known)
        blamed = task.path
        if folder.must_paint(task):
            return True
        if not folder.options.dry_run:
            clear_dead(task.path)
        listener.skipped()
    except (ConfigError, ImageError) as error:
        listener.lost(blamed, error)
    return False


def _inputs(options: Options, listener: Listener) -> tuple[list[str], list[str]]:
    """The photographs and the paintings."""
    given = [name for name in ("content", "style") if getattr(options, name)]
    check_given(given, "`content` 'photos/*' `style` 'paintings/*'", options.network is None)
    contents = find_files("content", options.content, listener.warning)
    styles = find_files("style", options.style, listener.warning)
    # The folder may be that of the photographs, or in it: what was painted is not painted again.
    painted = {
        path
        for path in contents
        if path not in options.content and inputs.is_painted(path, str(options.output_dir))
    }
    if painted:
        listener.info(f"Left out {len(painted)} of the photographs: they were painted here.")
    contents = [path for path in contents if path not in painted]
    if not contents:
        raise ImageError("`content`: all that was found was painted by an earlier run.")
    return contents, styles


def _unless_broken(size: tuple[int, int] | ImageError) -> tuple[int, int]:
    if isinstance(size, ImageError):
        raise size
    return size


def _work(config: StyleTransferConfig, size: tuple[int, int]) -> float:
    stages = pyramid.stages(config, pyramid.final_size(config, *size))
    return float(sum(stage.steps * stage.height * stage.width for stage in stages))


def _is_finished(metadata: Any) -> bool:
    result = metadata.get("result")
    return not isinstance(result, dict) or result.get("finished") is not False
