"""Everything about a run that can be checked before TensorFlow is loaded, checked.

What comes out is a `Job`: nothing that is left to do can be spoilt by a typo, a broken picture or a
folder that is not there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import ImageColor

import stylize_tf
from stylize_tf.cli import runtime
from stylize_tf.cli.console import Console
from stylize_tf.cli.exits import CommandError, Exit, usage_error
from stylize_tf.cli.flags import CommandLine, config_from_flags, with_flag_names
from stylize_tf.cli.options import Options
from stylize_tf.cli.outputs import Output, find_output
from stylize_tf.cli.progress import fetching_line
from stylize_tf.cli.recipe import (
    MASK_ROLES,
    REPEATED_OPTIONS,
    ROLES,
    Input,
    Recipe,
    RecipeError,
    differences,
    find_recorded,
)
from stylize_tf.cli.sources import is_pattern
from stylize_tf.config.presets import PRESETS
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.control import fine_style, masks, styles
from stylize_tf.errors import ConfigError
from stylize_tf.images import image_io
from stylize_tf.iterative import pyramid
from stylize_tf.iterative.pictures import no_larger
from stylize_tf.machine.atomic_files import try_replacing
from stylize_tf.network import weights

if TYPE_CHECKING:
    import numpy as np

    from stylize_tf.network.weights import Weights

_MUCH_SHARED = 0.02
"""Of a picture, that masks may overlap without a word: borders are often soft."""

NONE = ["none"]
"""Given as a mask or as `fine_style`: none, whatever the recipe tells of."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A run whose every input was read and whose output can be written.

    Attributes:
        config: how to stylize.
        options: all else that was asked for.
        content: the photograph, float32 `[1, H, W, 3]` in [0, 1]; `styles` and `initial` likewise.
        inputs: their roles, paths and hashes.
        output: where the picture goes.
        named: the styles as they were given, which may be folders; empty if a recipe gave them.
        weights: of VGG19.
        content_masks, style_masks: of the regions, float32 `[1, h, w, 1]` in [0, 1].
        fine_style: the painting that lends its strokes, as `content`; or None.
    """

    config: StyleTransferConfig
    options: Options
    content: np.ndarray
    styles: list[np.ndarray]
    initial: np.ndarray | None
    inputs: tuple[Input, ...]
    output: Output
    weights: Weights
    content_masks: tuple[np.ndarray, ...] = ()
    style_masks: tuple[np.ndarray, ...] = ()
    fine_style: np.ndarray | None = None
    named: tuple[str, ...] = ()

    def recipe(self, config: StyleTransferConfig) -> Recipe:
        """What the metadata tells; `config` has "auto" replaced by what was chosen."""
        return Recipe(
            config=config.to_dict(),
            inputs=self.inputs,
            options={name: getattr(self.options, name) for name in REPEATED_OPTIONS},
            weights=_describe(self.weights),
            versions=_versions(),
        )


@dataclasses.dataclass(frozen=True)
class Wanted:
    """An input to read, and the hash it must have if a recipe recorded one."""

    role: str
    path: str
    found: str
    recorded: str | None = None

    @property
    def is_alpha(self) -> bool:
        """Whether it is no file, but the transparency of the picture that it is a mask of."""
        return self.role in MASK_ROLES and self.path == masks.ALPHA


def prepare(command_line: CommandLine, console: Console, *, for_several: bool = False) -> Job:
    """Reads and checks all that a run needs, cheapest first.

    Args:
        command_line: what was given.
        console: for warnings, and for the progress of a download of the weights.
        for_several: whether pictures of several configurations are made of it.

    Raises:
        CommandError, ConfigError, ImageError, WeightsError: saying which of it cannot be had.
    """
    recipe, given = None, command_line.options
    if "from_picture" in given:
        if "preset" in given:
            raise usage_error("--preset and --from_picture exclude each other: leave one out.")
        recipe = _read_recipe(given["from_picture"])
        _warn_of_versions(recipe, console)
    options = Options(**{**(recipe.options if recipe else {}), **given})
    _check_one(given)
    base = PRESETS[options.preset] if recipe is None else StyleTransferConfig(**recipe.config)
    config = configured(command_line, options, base)
    named = options.style
    has_folder = any(map(styles.is_folder, named))
    if has_folder:
        config, options = _with_folders(command_line, config, options)
    wanted = _wanted(config, options, recipe)
    _check_together(config, options, wanted, has_folder=has_folder)
    files = [item for item in wanted if not item.is_alpha]
    output = _output(options, files, named)
    check_checkpoints(options)

    # All headers before the first pixels: a large photograph takes a second to decode.
    sizes = [image_io.size_of(item.found, max_pixels=options.max_pixels) for item in files]
    check_sizes(config, files, sizes)
    pictures: dict[str, list[np.ndarray]] = {role: [] for role in ROLES}
    inputs = []
    roles = [item.role for item in wanted]
    # Of many paintings together there is no room for what nobody will see.
    shrinks = roles.count("style") > 1 and "style_mask" not in roles
    shrinks = shrinks and not for_several and options.compare is None
    for item in wanted:  # Masks are the last.
        if item.role in MASK_ROLES:
            image, source = _read_mask(item, wanted, pictures, options)
        else:
            image, source = read_input(item, options)
            if shrinks and item.role == "style":
                image = no_larger(image, pictures["content"][0], config)
        pictures[item.role].append(image)
        inputs.append(source)
    _warn_of_masks(pictures["content_mask"], console)
    if recipe and {x.sha256 for x in recipe.inputs} != {x.sha256 for x in inputs}:
        console.warning("other pictures than those the recipe names: the result will differ.")

    found = find_weights(options, console)
    if recipe and recipe.weights.get("sha256") not in (None, found.sha256):
        console.warning("other weights than those the picture was made with: pixels will differ.")
    return Job(
        config=config,
        options=options,
        content=pictures["content"][0],
        styles=pictures["style"],
        initial=next(iter(pictures["init_image"]), None),
        inputs=tuple(inputs),
        output=output,
        weights=found,
        content_masks=tuple(pictures["content_mask"]),
        style_masks=tuple(pictures["style_mask"]),
        fine_style=next(iter(pictures["fine_style"]), None),
        named=named,
    )


def configured(
    command_line: CommandLine, options: Options, base: StyleTransferConfig
) -> StyleTransferConfig:
    """`base` with what the command line says laid over it.

    Raises:
        ConfigError: if a value is not allowed.
    """
    given = dict(command_line.config)
    if options.init_image is not None:
        given.setdefault("init", "picture")
    return config_from_flags(base, given)


def read_input(item: Wanted, options: Options) -> tuple[np.ndarray, Input]:
    """The pixels of an input, float32 `[1, H, W, 3]` in [0, 1], and what the recipe tells of it.

    Raises:
        CommandError, ImageError: if it cannot be read, or is not the picture that was recorded.
    """
    red, green, blue = ImageColor.getrgb(options.background)[:3]
    name = "initial" if item.role == "init_image" else item.role
    image = image_io.read(
        item.found, max_pixels=options.max_pixels, background=(red, green, blue), name=name
    )
    return image, Input(item.role, item.path, _checked_hash(item))


def _read_mask(
    item: Wanted, wanted: list[Wanted], pictures: dict[str, list[np.ndarray]], options: Options
) -> tuple[np.ndarray, Input]:
    """A mask, float32 `[1, h, w, 1]` in [0, 1], and what the recipe tells of it.

    Args:
        item: which.
        wanted: all inputs.
        pictures: what was read of each role so far.
        options: of the run.

    Raises:
        CommandError, ImageError: as `read_input`; or if it does not fit its picture.
    """
    role = item.role.removesuffix("_mask")
    number = 0
    if role == "style":
        number = masks.owner(len(pictures["style_mask"]), len(pictures["style"]))
    owner = [other for other in wanted if other.role == role][number]
    mask = masks.read(
        item.found,
        owner.found,
        pictures[role][number].shape[1:3],
        item.role,
        max_pixels=options.max_pixels,
    )
    return mask, Input(item.role, item.path, "" if item.is_alpha else _checked_hash(item))


def _warn_of_masks(of_content: Sequence[np.ndarray], console: Console) -> None:
    if masks.covers_all(of_content):
        console.warning("--content_mask is white everywhere: all of the photograph is painted.")
    shared = masks.overlap(of_content)
    if shared >= _MUCH_SHARED:
        console.warning(
            f"the --content_mask files overlap on {shared:.0%} of the picture: regions share what "
            f"is in several."
        )


def check_checkpoints(options: Options) -> None:
    """Makes the folder of --checkpoint_dir, and makes sure that it takes files.

    Raises:
        CommandError: if it does not.
    """
    if options.checkpoint_dir is None:
        return
    folder = Path(options.checkpoint_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try_replacing(folder / "a.checkpoint")
    except OSError as error:
        raise CommandError(
            f"cannot write to --checkpoint_dir {options.checkpoint_dir!r}: {error.strerror}.",
            Exit.OUTPUT,
        ) from error


def find_weights(options: Options, console: Console) -> Weights:
    """The weights of VGG19, after a look whether TensorFlow is there.

    Raises:
        CommandError, WeightsError: if one of them cannot be had.
    """
    runtime.check_installed(console.warning)
    found = weights.find(
        options.weights,
        offline=options.offline,
        notify=console.info,
        progress=lambda done, total: console.live(fetching_line(done, total)),
    )
    console.info(f"Weights of VGG19: {found.source}.")
    return found


def _read_recipe(picture: str) -> Recipe:
    metadata = image_io.read_metadata(picture)
    if metadata is None:
        raise CommandError(
            f"{picture!r} holds no recipe. Give a picture as stylize_tf wrote it.",
            Exit.PICTURE,
        )
    try:
        return Recipe.from_metadata(metadata)
    except RecipeError as error:
        raise CommandError(
            f"the recipe in {picture!r} cannot be followed: {error}", Exit.PICTURE
        ) from error


def _warn_of_versions(recipe: Recipe, console: Console) -> None:
    changed = differences(recipe.versions, _versions())
    if changed:
        console.warning(f"the picture was made with {', '.join(changed)}: the pixels may differ.")


def _versions() -> dict[str, str]:
    return {"stylize_tf": stylize_tf.__version__, **runtime.versions()}


def _wanted(config: StyleTransferConfig, options: Options, recipe: Recipe | None) -> list[Wanted]:
    """The inputs: those of the command line, else those of the recipe."""
    given = {
        "content": list(options.content),
        "style": list(options.style),
        "init_image": [options.init_image] if options.init_image is not None else [],
        "fine_style": [options.fine_style] if options.fine_style is not None else [],
        "content_mask": list(options.content_mask),
        "style_mask": list(options.style_mask),
    }
    wanted = []
    for role, paths in given.items():
        if role == "init_image" and config.init != "picture" and not paths:
            continue  # The recipe's is not needed any more.
        if role in (*MASK_ROLES, "fine_style") and paths == NONE:
            continue
        if paths or recipe is None:
            wanted += [Wanted(role, path, path) for path in paths]
            continue
        for item in recipe.of(role):
            new = Wanted(role, item.path, item.path, item.sha256)
            if not new.is_alpha:
                found = find_recorded(item, options.from_picture or "", image_io.sha256)
                new = dataclasses.replace(new, found=found)
            wanted.append(new)
    return wanted


def _check_one(given: dict[str, Any]) -> None:
    """Raises a usage error for what takes a folder to write to."""
    for name in ("skip_existing", "output_format"):
        if given.get(name):
            raise usage_error(f"--{name} goes with --output_dir FOLDER.")
    if len(given.get("content", ())) > 1:
        raise usage_error(
            "--content was given several times. For a picture of each add --output_dir FOLDER."
        )
    for name in ("content", "style"):
        for value in filter(is_pattern, given.get(name, ())):
            raise usage_error(
                f"--{name}: there is no file {value!r}. If it is a pattern, for many pictures add "
                f"--output_dir FOLDER."
            )
    if "," in given.get("device", ""):
        raise usage_error(
            "--device: one picture is made on one device. Name one, or for many pictures add "
            "--output_dir FOLDER."
        )


def _check_together(
    config: StyleTransferConfig, options: Options, wanted: list[Wanted], *, has_folder: bool
) -> None:
    """Raises a usage error for what is missing or does not fit together."""
    roles = [item.role for item in wanted]
    regional = roles.count("content_mask") > 1 or "style_mask" in roles or config.auto_regions
    if has_folder and regional:
        raise usage_error(
            "--style must not be a folder with several --content_mask, with --style_mask or with "
            "--regions: they go with a painting each. Name it."
        )
    missing = [f"--{role}" for role in ("content", "style") if role not in roles]
    if missing:
        raise usage_error(
            f"{' and '.join(missing)} must be given: --content PHOTO --style PAINTING."
        )
    if config.init == "picture" and "init_image" not in roles:
        raise usage_error("--init=picture needs the picture: --init_image FILE.")
    if config.init != "picture" and options.init_image is not None:
        raise usage_error(f"--init_image goes with --init=picture, not --init={config.init}.")
    shares, paintings = len(config.style_blend_weights), roles.count("style")
    if shares not in (0, paintings):
        raise usage_error(
            f"--style_blend_weights must have one number for each --style; got {shares} for "
            f"{paintings}."
        )
    regions = roles.count("content_mask")
    masks.check_counts(
        paintings, regions, roles.count("style_mask"), auto_regions=config.auto_regions
    )
    if shares and regions > 1:
        raise usage_error(
            "--style_blend_weights blends paintings, and with several --content_mask each region "
            "has its own. Leave one of them out."
        )


def _with_folders(
    command_line: CommandLine, config: StyleTransferConfig, options: Options
) -> tuple[StyleTransferConfig, Options]:
    """The same with the paintings of a folder in its place."""
    given, recorded = "style_blend_weights" in command_line.config, config.style_blend_weights
    paintings, weights = styles.expanded(options.style, recorded if given else ())
    if not given and len(recorded) == len(paintings):
        weights = recorded  # A recipe's are of the paintings.
    return (
        config.replace(style_blend_weights=weights),
        dataclasses.replace(options, style=tuple(paintings)),
    )


def _output(options: Options, files: list[Wanted], named: Sequence[str]) -> Output:
    """Where the picture goes, after making sure that it can.

    Args:
        options: of the run.
        files: its inputs.
        named: the styles as they were given.
    """
    inputs = [item.found for item in files]
    if options.from_picture is not None:
        inputs.append(options.from_picture)
    paintings = named or [item.found for item in files if item.role == "style"]
    return find_output(options, files[0].found, paintings, inputs)


def _checked_hash(item: Wanted) -> str:
    digest = image_io.sha256(item.found)
    if item.recorded is not None and digest != item.recorded:
        raise CommandError(
            f"{item.found!r} is not the {item.role} that the picture was made with. Bring that "
            f"file back, or name this one by --{item.role} to use it all the same.",
            Exit.PICTURE,
        )
    return digest


def check_sizes(
    config: StyleTransferConfig, wanted: list[Wanted], sizes: list[tuple[int, int]]
) -> None:
    """Raises if the picture would be too large or too small, or a style is too thin."""
    content = next(size for item, size in zip(wanted, sizes, strict=True) if item.role == "content")
    try:
        last = list(pyramid.stages(config, pyramid.final_size(config, *content)))[-1]
    except ConfigError as error:
        raise usage_error(with_flag_names(str(error))) from error
    fine = fine_style.configuration(config)
    for item, (height, width) in zip(wanted, sizes, strict=True):
        if item.role in ("style", "fine_style"):
            try:
                own = config if item.role == "style" else fine
                pyramid.style_size(own, height, width, last, last)
            except ConfigError as error:
                message = with_flag_names(str(error)).replace("--style", repr(item.found), 1)
                if item.role == "fine_style":  # It is never cropped.
                    message = message.replace(", or use --style_fit crop", "")
                raise CommandError(message, Exit.PICTURE) from error


def _describe(found: Weights) -> dict[str, Any]:
    return {"source": found.source, "kind": found.kind, "sha256": found.sha256}
