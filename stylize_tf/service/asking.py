"""What may be asked of the service, and how it is checked before a job is taken."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from stylize_tf.config.fields import Field, checked, closest, is_repeated, is_tuple, read, type_of
from stylize_tf.config.style_transfer import StyleTransferConfig
from stylize_tf.config.training import SHIPPED
from stylize_tf.control import masks
from stylize_tf.errors import ConfigError, ImageError, OutputError, StylizationError, WeightsError
from stylize_tf.images import image_io
from stylize_tf.images.files import OUTPUT_FORMATS
from stylize_tf.jobs import job as jobs
from stylize_tf.jobs.listener import Listener
from stylize_tf.jobs.options.painting import Given, Options
from stylize_tf.service.networks import Networks, told_by_name

ROLES = {
    "content": "The photograph.",
    "style": "The painting; several are blended: one part for each.",
    "fine_style": "A painting that lends its fine strokes.",
    "content_mask": "Where the photograph is painted: white there; one part for each region.",
    "style_mask": "Which part of the painting counts, likewise.",
    "strength_mask": "How strongly each place is painted: white as `strength` says, black not.",
    "init_image": "Picture to start from.",
}
"""Names of the parts of a request that are pictures."""

ONE_FILE = frozenset(("content", "fine_style", "strength_mask", "init_image"))
"""Roles of which there is one picture at most."""

OPTIONS = ("network", "network_style", "preset", "output_format", "quality", "background")
"""Options of a run, beside those of `StyleTransferConfig`, that may be asked for."""

PICTURE, LIKENESS = "picture", "likeness"
"""What may be asked for: a painted picture, or what is like what in a photograph."""

_NOT_ASKED = frozenset(("memory",))
"""What the machine decides, and not who asks."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """A picture that is asked for.

    Attributes:
        options: of `OPTIONS`, those that were given.
        config: fields of `StyleTransferConfig` that were given.
        files: role -> names that we gave the pictures.
        data: name -> what is in it.
        what: `PICTURE` or `LIKENESS`.
    """

    options: dict[str, Any]
    config: dict[str, Any]
    files: dict[str, list[str]]
    data: dict[str, bytes]
    what: str = PICTURE

    def as_job(self) -> dict[str, Any]:
        """What the queue is given: plain data."""
        asked = {"options": self.options, "config": self.config, "files": self.files}
        return {**asked, "what": self.what}


def fields() -> dict[str, Field]:
    """All options by their names."""
    of_run = {x.name: x for x in dataclasses.fields(Options) if x.name in OPTIONS}
    of_config = {x.name: x for x in dataclasses.fields(StyleTransferConfig)}
    return {**of_run, **{x: y for x, y in of_config.items() if x not in _NOT_ASKED}}


def ask(
    values: Sequence[tuple[str, str]],
    pictures: Sequence[tuple[str, bytes]],
    networks: Collection[str] = (SHIPPED,),
) -> Asked:
    """What a request asks for.

    Args:
        values: name of an option, and its text, as the command line would be given it.
        pictures: role, and what is in the file.
        networks: names of those that may be asked for.

    Raises:
        ConfigError: if a name is unknown, a value not allowed, or something is given twice.
    """
    known = fields()
    config_names = {x.name for x in dataclasses.fields(StyleTransferConfig)}
    options: dict[str, Any] = {}
    config: dict[str, Any] = {}
    for name, text in values:
        if name in ROLES:
            raise ConfigError(f"`{name}` must be a picture, sent as a file.")
        if name not in known:
            hint = closest(f"`{name[:80]}`", [f"`{other}`" for other in known])
            raise ConfigError(f"There is no option `{name[:80]}`.{hint}")
        place = config if name in config_names else options
        field = known[name]
        text = _network(text, networks) if name == "network" else text
        if is_repeated(field):
            place[name] = [*place.get(name, []), checked(field, text)[0]]
            continue
        if name in place:
            raise ConfigError(f"`{name}` must be given once.")
        value = checked(field, read(field, text))
        place[name] = [*value] if isinstance(value, tuple) else value
    files: dict[str, list[str]] = {}
    data: dict[str, bytes] = {}
    for role, content in pictures:
        if role not in ROLES:
            raise ConfigError(f"There is no picture `{role[:80]}`: they are {', '.join(ROLES)}.")
        own = files.setdefault(role, [])
        if own and role in ONE_FILE:
            raise ConfigError(f"`{role}` must be given once.")
        name = f"{role}-{len(own)}"
        own.append(name)
        data[name] = content
    return Asked(options, config, files, data)


def _network(text: str, networks: Collection[str]) -> str:
    """The name of a network that may be asked for; no path is one."""
    if text in networks:
        return text
    if text in ("", "true"):  # As --network alone.
        return SHIPPED
    names = ", ".join(networks)
    raise ConfigError(
        f"`network` must be one of {names}; got {text[:80]!r}.{closest(text[:80], networks)}"
    )


def ask_network(
    values: Sequence[tuple[str, str]],
    pictures: Sequence[tuple[str, bytes]],
    networks: Collection[str] = (SHIPPED,),
) -> Asked:
    """What a request asks a network for, that of the program if it names none; see `ask`."""
    is_named = any(name == "network" for name, _ in values)
    return ask([*values, *([] if is_named else [("network", SHIPPED)])], pictures, networks)


def ask_likeness(
    values: Sequence[tuple[str, str]],
    pictures: Sequence[tuple[str, bytes]],
    networks: Collection[str] = (SHIPPED,),
) -> Asked:
    """What a request asks for that wants to know what is like what in a picture.

    Raises:
        ConfigError: if there is anything but that picture.
    """
    if values or [role for role, _ in pictures] != ["content"]:
        raise ConfigError("There must be one `content`, a picture sent as a file, and no option.")
    return dataclasses.replace(ask(values, pictures, networks), what=LIKENESS)


def check(asked: Asked, *, max_pixels: int, networks: Networks, scratch: str | None = None) -> None:
    """Reads all of it, and raises what the job would fail with.

    Args:
        asked: what is asked for.
        max_pixels: that a picture may have.
        networks: that may be asked for.
        scratch: a folder to write the pictures to for a while.

    Raises:
        ConfigError, ImageError, OutputError, WeightsError: saying what is wrong with it.
    """
    network = networks[asked.options["network"]] if "network" in asked.options else None
    machine = {"max_pixels": max_pixels, "network": network and network.file}
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        if asked.what == LIKENESS:
            given(asked.as_job(), asked.data, Path(folder))
            image_io.read(Path(folder, "content-0"), name="content", max_pixels=max_pixels)
            return
        with told_by_name(network):
            jobs.draft(given(asked.as_job(), asked.data, Path(folder), **machine), Listener())
        pictures = {
            role: [
                image_io.read(Path(folder, name), name=role, max_pixels=max_pixels)
                for name in names
            ]
            for role, names in asked.files.items()
        }
        owned = {"content_mask": "content", "style_mask": "style", "strength_mask": "content"}
        for role, of in owned.items():
            for number, mask in enumerate(asked.files.get(role, ())):
                owners = pictures[of]
                picture = owners[number if role == "style_mask" and len(owners) > 1 else 0]
                masks.read(str(Path(folder, mask)), picture, picture.shape[1:3], role)


def given(job: Mapping[str, Any], data: Mapping[str, bytes], folder: Path, **others: Any) -> Given:
    """What a job asks for, its pictures put into a folder, and the picture to go there, too.

    Args:
        job: as `Asked.as_job`.
        data: name -> what is in it.
        folder: of these.
        others: further options; those that are None are left out.
    """
    options: dict[str, Any] = {**job["options"]}
    options |= {x: y for x, y in others.items() if y is not None}
    for role, names in job["files"].items():
        for name in names:
            (folder / name).write_bytes(data[name])
        paths = tuple(str(folder / name) for name in names)
        options[role] = paths[0] if role in ONE_FILE and role != "content" else paths
    suffix = options.pop("output_format", "png")
    options["output"] = str(folder / f"result.{suffix}")
    config = {x: tuple(y) if isinstance(y, list) else y for x, y in job["config"].items()}
    options = {x: tuple(y) if isinstance(y, list) else y for x, y in options.items()}
    return Given(options, config)


def without_paths(text: str) -> str:
    """A message without the folders that its files lie in for a while, and the names we gave."""

    def named(match: re.Match[str]) -> str:
        role, _, number = match[2].rpartition("-")
        which = "" if number == "0" else f" {int(number) + 1}"
        return f"{match[1].rstrip() if match[1] else f'`{role}`'}{which}"

    return re.sub(r"(`\w+` )?'[^']*/(\w+-\d+)'", named, text)


def schema(networks: Networks) -> dict[str, Any]:
    """OpenAPI's schema of a request, `multipart/form-data`, where these may be asked for."""
    picture = {"type": "string", "format": "binary"}
    properties: dict[str, Any] = {}
    for role, help in ROLES.items():
        one = {**picture, "description": help}
        properties[role] = one if role in ONE_FILE else {"type": "array", "items": picture}
        properties[role]["description"] = help
    for name, field in fields().items():
        properties[name] = _schema_of(field)
    help = "A network that paints at once, in a style of its own: there is no painting then."
    properties["network"] |= {"enum": [*networks], "description": help}
    styles = "; ".join(f"{x}: {', '.join(y.styles)}" for x, y in networks.items())
    properties["network_style"]["description"] += f" They are, by networks: {styles}."
    formats = {"enum": [x[1:] for x in OUTPUT_FORMATS], "default": "png"}
    properties["output_format"] = {"type": "string", **formats, "description": "Of the picture."}
    return {"type": "object", "properties": properties, "required": ["content"]}


def schema_of_likeness() -> dict[str, Any]:
    """OpenAPI's schema of a request that `ask_likeness` reads."""
    picture = {"type": "string", "format": "binary", "description": "A photograph or a painting."}
    properties = {"content": picture}
    return {"type": "object", "properties": properties, "required": ["content"]}


def _schema_of(field: Field) -> dict[str, Any]:
    metadata, kind = field.metadata, type_of(field)
    types = {bool: "boolean", int: "integer", float: "number", str: "string"}
    one: dict[str, Any] = {"type": types[kind]}
    if metadata["choices"] and not metadata["is_open"]:
        one["enum"] = list(metadata["choices"])
    if metadata["units"] or metadata["words"]:
        one = {"type": "string"}
    elif metadata["minimum"] is not None:
        one |= {"minimum": metadata["minimum"], "maximum": metadata["maximum"]}
    help = re.sub(r"`(\w+)`", r"\1", metadata["help"])
    if is_repeated(field):
        one = {"type": "array", "items": one}
    elif is_tuple(field):
        one, help = {"type": "string"}, f"{help} Several have commas between them."
    elif (field.default is not None and {"minimum", "enum"} & {*one}) or kind is bool:
        one["default"] = field.default
    return {**one, "description": help}


KNOWN = (ConfigError, ImageError, OutputError, StylizationError, WeightsError)
"""Errors whose text is for who asked; of others the log tells more."""


def told(error: Exception) -> dict[str, str]:
    """`error`, one sentence that says what is wrong, and `hint`, what may be done.

    They are the words of the command line, options by their names.
    """
    if not isinstance(error, KNOWN):
        what = f"unexpected {type(error).__name__}"
        return {"error": f"{what}: the log of the worker tells more.", "hint": ""}
    line = without_paths(str(error)).partition("\n")[0].strip()
    # Of a sentence and what follows it; the period of a number or of a file is none.
    first, *rest = re.split(r"(?<=[.!?])\s+(?=[A-Z`])", line, maxsplit=1)
    first = first if first.endswith((".", "!", "?")) else f"{first}."
    return {"error": first, "hint": " ".join(rest)}
