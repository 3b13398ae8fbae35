"""Everything about a picture that can be checked before TensorFlow is loaded, checked.

What comes out is a `Job`: nothing that is left to do can be spoilt by a typo, a broken picture or a
folder that is not there.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stylize_tf
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import styles
from stylize_tf.errors import ConfigError, ImageError
from stylize_tf.images import image_io
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.sources import Sources
from stylize_tf.jobs import inputs, plan
from stylize_tf.jobs.folder.finding import is_pattern
from stylize_tf.jobs.inputs import Wanted
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.networks import painting as networks
from stylize_tf.jobs.networks.painting import NetworkFile
from stylize_tf.jobs.options.checks import (
    check_format,
    check_modes,
    check_needs,
    check_network,
    holds_alpha,
)
from stylize_tf.jobs.options.common import MachineOptions
from stylize_tf.jobs.options.painting import Given, Options
from stylize_tf.jobs.outputs import Output, check_folders, find_output
from stylize_tf.jobs.recipe import (
    MASK_ROLES,
    ROLES,
    Input,
    Recipe,
    RecipeError,
    differences,
    repeated_options,
)
from stylize_tf.machine import tensorflow_runtime
from stylize_tf.network import weight_files, weights

if TYPE_CHECKING:
    import numpy as np

    from stylize_tf.network.weights import Weights

Size = tuple[int, int]
"""Height and width, in pixels."""


@dataclasses.dataclass(frozen=True)
class Variants:
    """What makes a sheet.

    Attributes:
        configs: configuration and styles as they were given -> the configurations of the cells.
        size: heights and widths of the cells, and the inputs -> height and width of the sheet.
    """

    configs: Callable[[StyleTransferConfig, Sequence[str]], list[StyleTransferConfig]]
    size: Callable[[Sequence[Size], Sequence[Wanted]], Size]


@dataclasses.dataclass(frozen=True)
class Job:
    """A run whose every input was read and whose output can be written.

    Attributes:
        config: how to stylize.
        options: all else that was asked for.
        sources: what it is made from, as arrays.
        inputs: their roles, paths and hashes.
        output: where the picture goes.
        weights: of VGG19, or the network that paints in its place.
        named: the styles as they were given, which may be folders; empty if a recipe gave them.
        alpha: how opaque the photograph is, float32 `[1, H, W, 1]`, where that is kept.
    """

    config: StyleTransferConfig
    options: Options
    sources: Sources
    inputs: tuple[Input, ...]
    output: Output
    weights: Weights | NetworkFile
    named: tuple[str, ...] = ()
    alpha: np.ndarray | None = None

    def recipe(self, config: StyleTransferConfig) -> Recipe:
        """What the metadata tells; `config` has "auto" replaced by what was chosen."""
        return Recipe(
            config=config.to_dict(),
            inputs=self.inputs,
            options=repeated_options(self.options),
            weights={name: getattr(self.weights, name) for name in ("source", "kind", "sha256")},
            versions=_versions(),
        )


@dataclasses.dataclass(frozen=True)
class Draft:
    """What is known of a run before a pixel was read.

    Attributes:
        config, options, output, named: as those of `Job`.
        recipe: that was asked for.
        wanted: the inputs.
        files: those of them that are files, of which each has
        sizes: a height and a width.
        cells: the configurations of a sheet.
    """

    config: StyleTransferConfig
    options: Options
    output: Output
    named: tuple[str, ...]
    recipe: Recipe | None
    wanted: tuple[Wanted, ...]
    files: tuple[Wanted, ...]
    sizes: tuple[tuple[int, int], ...]
    cells: tuple[StyleTransferConfig, ...]

    @property
    def size(self) -> Size:
        """Of the picture."""
        return pyramid.final_size(self.config, *self.sizes[0])


def draft(given: Given, listener: Listener, variants: Variants | None = None) -> Draft:
    """Checks all that can be told from headers, cheapest first; writes and fetches nothing.

    Args:
        given: what was asked for.
        listener: told of what is odd.
        variants: of a sheet, whose cells are all checked.

    Raises:
        ConfigError, ImageError, OutputError: saying which of it cannot be had.
    """
    check_modes(given.options, "picture" if variants is None else "sheet")
    recipe = _recorded(given, listener)
    options = Options(**{**(recipe.options if recipe else {}), **given.options})
    _check_one(given.options)
    base = PRESETS[options.preset] if recipe is None else StyleTransferConfig(**recipe.config)
    config = configured(given, base)
    has_styles = options.network is None
    if not has_styles:
        check_network(given, listener.warning)
    wanted = inputs.wanted(config, options, recipe, given.standard_input)
    check_given([item.role for item in wanted], "`content` PHOTO `style` PAINTING", has_styles)
    named = options.style
    labels = named if has_styles else (networks.find(options).label,)
    if any(map(styles.is_folder, named)):
        recorded = config.style_blend_weights
        config = config.replace(style_blend_weights=given.config.get("style_blend_weights", ()))
        inputs.paths_of(wanted).check(config)
        config, options = _expanded(config, options, recorded)
        wanted = inputs.wanted(config, options, recipe, given.standard_input)
    sources = inputs.paths_of(wanted)
    sources.check(config, has_styles=has_styles)
    cells = variants.configs(config, named) if variants else []
    if not has_styles:
        regions = [item.role for item in wanted].count("content_mask")
        networks.check(options, cells or [config], regions)
    roles = {item.role for item in wanted}
    present = {role: role in roles for role in ROLES}
    check_needs(given, options, cells or [config], present=present, warn=listener.warning)
    for cell in cells:
        starting(cell, sources).check(cell, has_styles=has_styles)
    files = [item for item in wanted if not item.is_alpha]
    output = find_output(options, files, labels)
    is_chosen = options.output is not None and output.derived
    check_format(given, options, output.path, is_chosen, listener.warning)
    # All headers before the first pixels: a large photograph takes a second to decode.
    sizes = [image_io.size_of(item.found, max_pixels=options.max_pixels) for item in files]
    for each in (config, *cells):
        inputs.check_sizes(each, files, sizes)
        if has_styles:
            plan.check_memory(each, options, files, sizes)
    painted = [pyramid.final_size(each, *sizes[0]) for each in cells or [config]]
    image_io.check_side(output.path, *(variants.size(painted, files) if variants else painted[0]))
    pictures = tuple(wanted), tuple(files), tuple(sizes)
    return Draft(config, options, output, named, recipe, *pictures, tuple(cells))


def prepare(
    given: Given,
    listener: Listener,
    variants: Variants | None = None,
    painter: Weights | NetworkFile | None = None,
) -> Job:
    """Reads and checks all that a picture needs, cheapest first.

    Args:
        given: what was asked for.
        listener: told of what is odd, and how a download of the weights goes.
        variants: of a sheet, whose cells are all checked.
        painter: what it is painted with, where that is known; looked for if None.

    Raises:
        ConfigError, ImageError, OutputError, WeightsError, StylizationError: saying which of it
            cannot be had.
    """
    drawn = draft(given, listener, variants)
    config, options, recipe, wanted = drawn.config, drawn.options, drawn.recipe, drawn.wanted
    check_folders(options)
    sources, read = inputs.read_all(wanted, config, options, may_shrink=variants is None)
    may_keep = variants is None and holds_alpha(drawn.output.path)
    inputs.tell_of_transparency(wanted, options, listener, may_keep=may_keep)
    alpha = inputs.alpha_kept(wanted[0], options)
    inputs.warn_of(sources, wanted, options, alpha, listener)
    if recipe and {x.sha256 for x in recipe.inputs} != {x.sha256 for x in read}:
        listener.warning("other pictures than those the recipe names: the result will differ.")
    found = painter or find_painter(options, listener)
    if recipe and recipe.weights.get("sha256") not in (None, found.sha256):
        listener.warning("other weights than those the picture was made with: pixels will differ.")
    return Job(config, options, sources, read, drawn.output, found, drawn.named, alpha)


def starting(config: StyleTransferConfig, sources: Sources) -> Sources:
    """The same without the picture to start from, where another cell of a sheet starts from it."""
    return sources if config.init == "picture" else dataclasses.replace(sources, initial=None)


def configured(given: Given, base: StyleTransferConfig) -> StyleTransferConfig:
    """`base` with what was asked for laid over it.

    Raises:
        ConfigError: if a value is not allowed.
    """
    implied = {"init": "picture"} if given.options.get("init_image") is not None else {}
    changes = {**implied, **given.config}
    return base.replace(**changes) if changes else base


def find_painter(options: Options, listener: Listener) -> Weights | NetworkFile:
    """What pictures are painted with: the weights of VGG19, or a network.

    Raises:
        StylizationError, WeightsError, ConfigError: if it cannot be had.
    """
    if options.network is None:
        return find_weights(options, listener)
    tensorflow_runtime.check_installed(listener.warning)
    return networks.find(options)


def find_weights(options: MachineOptions, listener: Listener) -> Weights:
    """The weights of VGG19, after a look whether TensorFlow is there.

    Raises:
        StylizationError, WeightsError: if one of them cannot be had.
    """
    tensorflow_runtime.check_installed(listener.warning)
    found = weights.find(
        options.weights, offline=options.offline, notify=listener.info, progress=listener.fetching
    )
    listener.info(f"Weights of VGG19: {found.source}.")
    return found


def check_weights(options: Options) -> None:
    """Raises a `WeightsError` if the file of `weights` is none that could be taken."""
    if options.network is not None:
        networks.find(options)
    elif options.weights is not None:
        weight_files.read(Path(options.weights).expanduser())


def unfollowable(picture: str, why: object) -> ImageError:
    """The error of a picture whose recipe cannot be followed."""
    return ImageError(f"the recipe in {picture!r} cannot be followed: {why}")


def check_given(given: Sequence[str], example: str, has_styles: bool = True) -> None:
    """Raises a `ConfigError` unless `content`, and `style` unless a network has some, are given."""
    needed = ("content", "style") if has_styles else ("content",)
    example = example if has_styles else "`content` PHOTO `network`"
    missing = [f"`{name}`" for name in needed if name not in given]
    if missing:
        raise ConfigError(f"{' and '.join(missing)} must be given: {example}.")


def _recorded(given: Given, listener: Listener) -> Recipe | None:
    """The recipe that `from_picture` names, None if it is not given."""
    picture = given.options.get("from_picture")
    if picture is None:
        return None
    if "preset" in given.options:
        raise ConfigError("`preset` and `from_picture` exclude each other: leave one out.")
    metadata = image_io.read_metadata(picture)
    if metadata is None:
        raise ImageError(f"{picture!r} holds no recipe. Give a picture as stylize_tf wrote it.")
    try:
        recipe = Recipe.from_metadata(metadata)
    except RecipeError as error:
        raise unfollowable(picture, error) from error
    changed = differences(recipe.versions, _versions())
    if changed:
        listener.warning(f"the picture was made with {', '.join(changed)}: the pixels may differ.")
    return recipe


def _versions() -> dict[str, str]:
    return {"stylize_tf": stylize_tf.__version__, **tensorflow_runtime.versions()}


def _check_one(given: Mapping[str, Any]) -> None:
    """Raises a `ConfigError` for what takes a folder to write to."""
    many = "for many pictures add `output_dir` FOLDER."
    if len(given.get("content", ())) > 1:
        raise ConfigError(f"`content` was given several times: {many}")
    for name in ("content", "style"):
        for value in filter(is_pattern, given.get(name, ())):
            raise ConfigError(f"`{name}`: there is no file {value!r}. If it is a pattern, {many}")
    for name in MASK_ROLES:
        paths = given.get(name) or ()
        for value in filter(os.path.isdir, (paths,) if isinstance(paths, str) else paths):
            raise ConfigError(
                f"`{name}`: a folder of masks, such as {value!r}, goes with many pictures: name a "
                f"file in it, or add `output_dir` FOLDER."
            )
    if "," in given.get("device", ""):
        raise ConfigError(f"`device`: one picture is made on one device. Name one, or {many}")


def _expanded(
    config: StyleTransferConfig, options: Options, recorded: tuple[float, ...]
) -> tuple[StyleTransferConfig, Options]:
    """The same with the paintings of folders in their place; `recorded` weights are of them."""
    paintings, shares = styles.expanded(options.style, config.style_blend_weights)
    if not config.style_blend_weights and len(recorded) == len(paintings):
        shares = recorded
    return (
        config.replace(style_blend_weights=shares),
        dataclasses.replace(options, style=tuple(paintings)),
    )
