"""Options as fields of a dataclass: the metadata of each says what it may be, and checks it."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

from stylize_tf.errors import ConfigError

Field = dataclasses.Field[Any]

Needs = Mapping[str, tuple[Any, ...]]
"""Options, and values of each with which another one has an effect; of none, any but nothing."""

_NOTHING = (None, (), 0, "none", ("none",))
"""Values of options that ask for nothing."""

_TRUTH = {
    **dict.fromkeys(("true", "t", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "off", "0"), False),
}
"""How people write true and false."""


def option(
    default: Any,
    help: str,
    *,
    choices: Iterable[str] | None = None,
    limits: tuple[float, float] | None = None,
    units: Mapping[str, float] | None = None,
    words: Mapping[str, float] | None = None,
    parse: Callable[[str], str] | None = None,
    placeholder: str | None = None,
    shown: str | None = None,
    modes: Iterable[str] = (),
    needs: Needs | Sequence[Needs] = (),
    section: str | None = None,
    term: str | None = None,
    is_open: bool = False,
    alone: str | None = None,
) -> Any:
    """A field of a dataclass with all of this in its metadata.

    Args:
        default: its value where none is given.
        help: a sentence or more; other options are in backticks.
        choices: all that a text may be; without them it may be anything but empty.
        limits: ends of the range of a number, which belong to it.
        units: what a number may end with, and the factor that it means.
        words: texts that mean a number.
        parse: brings a text to the one spelling of its meaning, or raises `ValueError("must ...")`.
        placeholder: what stands for the value in the help, if its type does not say enough.
        shown: the default as help shows it.
        modes: what a run may make for the option to go with it; if none is named, anything.
        needs: what other options must be, all of them, for this one to have an effect; or several
            such, of which one suffices. Who gives it for nothing is told so by `jobs`.
        section: heading of the options that start with this one.
        term: the term of the objective that the number weighs, as its module is called.
        alone: the value of a flag that is given without one.
        is_open: whether others than the choices may go, see `Configuration.check_choices`.
    """
    metadata = {
        "help": help,
        "choices": tuple(choices) if choices is not None else None,
        "minimum": limits and limits[0],
        "maximum": limits and limits[1],
        "units": units or {},
        "words": words or {},
        "parse": parse,
        "placeholder": placeholder,
        "shown": shown,
        "modes": tuple(modes),
        "needs": (needs,) if isinstance(needs, Mapping) else tuple(needs),
        "section": section,
        "term": term,
        "is_open": is_open,
        "alone": alone,
    }
    return dataclasses.field(default=default, metadata=metadata)


def seconds_option(help: str) -> Any:
    """A field for seconds, as 60s, 5min or 1h; none, the default, is 0."""
    units = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
    return option(0.0, help, limits=(0.0, 1e9), units=units, words={"none": 0.0}, shown="none")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Configuration:
    """A base of dataclasses whose fields are made by `option`: all are checked as it is made."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = checked(field, getattr(self, field.name), may_be_open=True)
            object.__setattr__(self, field.name, value)

    def check_choices(self) -> None:
        """Raises a `ConfigError` if an open field has something that is not among its choices."""
        for field in dataclasses.fields(self):
            checked(field, getattr(self, field.name))

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed and all of it checked again."""
        unknown_field(changes, type(self))
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data that JSON can hold; `from_dict` takes them back."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {x: list(y) if isinstance(y, tuple) else y for x, y in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The configuration whose `to_dict` is `values`; missing fields keep their default."""
        unknown_field(values, cls)
        return cls(**values)


def type_of(field: Field) -> type:
    """The type of one value of a field: `bool`, `int`, `float` or `str`; of an item for tuples."""
    name = str(field.type).removeprefix("tuple[").removesuffix(", ...]").removesuffix(" | None")
    return {"bool": bool, "int": int, "float": float, "str": str}[name]


def is_tuple(field: Field) -> bool:
    """Whether a value of the field is a tuple of items."""
    return str(field.type).startswith("tuple")


def is_repeated(field: Field) -> bool:
    """Whether items are written one by one: a list of free texts, which may hold commas."""
    return is_tuple(field) and type_of(field) is str and not field.metadata["choices"]


def term_fields(config_class: type) -> dict[str, Field]:
    """Term of the objective -> the field that weighs it, in the order in which they are summed."""
    fields = dataclasses.fields(config_class)
    return {field.metadata["term"]: field for field in fields if field.metadata.get("term")}


def layer_kinds(config_class: type) -> list[str]:
    """Every `X` of which there are `X_layers`, and so `X_layer_weights` and `X_weight`."""
    names = [field.name for field in dataclasses.fields(config_class)]
    return [name.removesuffix("_layers") for name in names if name.endswith("_layers")]


def unknown_field(names: Iterable[str], config_class: type) -> None:
    """Raises `ConfigError`, naming the closest field, if one of `names` is not a field."""
    known = [field.name for field in dataclasses.fields(config_class)]
    for name in names:
        if name not in known:
            hint = closest(f"`{name}`", [f"`{other}`" for other in known])
            raise ConfigError(f"There is no option `{name}`.{hint}")


def missing_needs(field: Field, values: Mapping[str, Any]) -> str:
    """What the option of a field has no effect without; empty where it has one.

    Args:
        field: of which option.
        values: of all options by their names.

    Returns:
        As `` `color` content or match, not style``.
    """
    missing, value = [], None
    for needs in field.metadata["needs"]:
        unmet = [x for x in needs.items() if not _is_among(values[x[0]], x[1])]
        if not unmet:
            return ""
        name, allowed = unmet[0]
        missing.append(f"`{name}` {_or(allowed)}" if allowed else f"`{name}`")
        value = values[name]
    told = f", not {value}" if len(missing) == 1 and value not in (None, ()) else ""
    return _or(missing) + told if missing else ""


def _is_among(value: Any, allowed: Sequence[Any]) -> bool:
    return value in allowed if allowed else value not in _NOTHING


def _or(words: Sequence[Any]) -> str:
    *most, last = map(str, words)
    return f"{', '.join(most)} or {last}" if most else last


def closest(name: str, choices: Iterable[str]) -> str:
    """` Did you mean ...?` with the choice that looks like `name`, or an empty string."""
    matches = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return f" Did you mean {matches[0]}?" if matches else ""


def read(field: Field, text: str) -> Any:
    """What a text means as the value of a field, for `checked` to refuse: lists have commas."""
    if is_tuple(field):
        return tuple(item.strip() for item in text.split(",")) if text.strip() else ()
    if type_of(field) is bool:
        return _TRUTH.get(text.strip().lower(), text)
    return text.strip() if field.metadata["choices"] else text


def checked(field: Field, value: Any, *, may_be_open: bool = False) -> Any:
    """`value` as the type of the field; a single one is taken as a tuple of one.

    Args:
        field: which one.
        value: of it.
        may_be_open: take any text where the field is open.

    Raises:
        ConfigError: if it is not what the type and the metadata of the field allow.
    """
    if value is None and field.default is None:
        return None
    one = _checked_text if may_be_open and field.metadata["is_open"] else _checked_one
    if not is_tuple(field):
        return one(field, value)
    if isinstance(value, str) or not isinstance(value, Iterable):
        value = (value,)
    return tuple(one(field, item) for item in value)


def _checked_one(field: Field, value: Any) -> Any:
    name, choices, kind = field.name, field.metadata["choices"], type_of(field)
    if kind is bool:
        if not isinstance(value, bool):
            raise ConfigError(f"`{name}` must be true or false; got {value!r}.")
        return value
    if kind is not str:
        return _checked_number(field, value, kind)
    if choices is None:
        return _checked_text(field, value)
    if value not in choices:
        raise ConfigError(
            f"`{name}` must be one of {', '.join(choices)}; got {value!r}."
            f"{closest(str(value), choices)}"
        )
    return str(value)


def _checked_text(field: Field, value: Any) -> str:
    try:
        if not isinstance(value, str):
            raise ValueError("must be text")
        if not value or "\0" in value:
            raise ValueError("must not be empty")
        parse = field.metadata["parse"]
        return str(parse(value) if parse else value)
    except ValueError as error:
        raise ConfigError(f"`{field.name}` {error}; got {value!r}.") from error


def _checked_number(field: Field, value: Any, kind: type) -> Any:
    name, metadata, hint = field.name, field.metadata, ""
    if isinstance(value, str):
        value = _in_units(value, metadata["units"], metadata["words"])
    word = "a whole number" if kind is int else "a number"
    if metadata["units"]:
        hint = f" Its units are {', '.join(metadata['units'])}; or {', '.join(metadata['words'])}."
    try:
        number = kind(value)
        if isinstance(value, bool) or not math.isfinite(number) or float(value) != number:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"`{name}` must be {word}; got {value!r}.{hint}") from None
    low, high = metadata["minimum"], metadata["maximum"]
    if not low <= number <= high:
        limits = f"between {low:.12g} and {high:.12g}"
        raise ConfigError(f"`{name}` must be {word} {limits}; got {number!r}.")
    return number


def _in_units(text: str, units: Mapping[str, float], words: Mapping[str, float]) -> Any:
    """The number that a text such as "6GB" or "auto" means; the text itself where it means none."""
    word = text.strip().lower()
    if word in words:
        return words[word]
    for unit, factor in sorted(units.items(), key=lambda item: -len(item[0])):
        if word.endswith(unit.lower()):
            try:
                return float(word.removesuffix(unit.lower())) * factor
            except ValueError:
                return text
    return text
