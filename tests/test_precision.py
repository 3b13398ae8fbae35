import pytest

from stylize_tf import precision
from stylize_tf.config import StyleTransferConfig

FORMATS = ("float32", "bfloat16")


@pytest.fixture(autouse=True)
def measured_anew():
    """The choice is kept for a process; these tests leave it to be made again."""
    precision.faster_format.cache_clear()
    yield
    precision.faster_format.cache_clear()


@pytest.fixture
def seconds(monkeypatch):
    """What each format is said to take; and the formats that were measured."""
    told, asked = dict.fromkeys(FORMATS, 1.0), []

    def measured(dtype, *_):
        asked.append(dtype)
        return told[dtype]

    monkeypatch.setattr(precision, "_convolution_seconds", measured)
    told["asked"] = asked
    return told


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_asked_for_is_taken_without_measuring(seconds, name):
    assert precision.resolve(name) == name
    assert seconds["asked"] == []


@pytest.mark.parametrize(
    ("bfloat16", "expected"),
    [(0.5, "bfloat16"), (0.74, "bfloat16"), (0.76, "float32"), (1.0, "float32"), (30, "float32")],
)
def test_auto_takes_bfloat16_where_it_is_faster_by_a_quarter(seconds, bfloat16, expected):
    seconds["bfloat16"] = bfloat16
    assert precision.resolve("auto") == expected


def test_it_measures_once_a_process(seconds):
    first = precision.resolve("auto")
    seconds["bfloat16"] = 0.01
    assert precision.resolve("auto") == first
    assert sorted(seconds["asked"]) == sorted(FORMATS)


def test_every_choice_of_the_option_leads_to_a_format(seconds):
    for choice in StyleTransferConfig.__dataclass_fields__["precision"].metadata["choices"]:
        assert precision.resolve(choice) in FORMATS


def test_this_machine_can_be_measured_in_little_time():
    for name in FORMATS:
        assert 0 < precision._convolution_seconds(name, repeats=1) < 10
    assert precision.resolve("auto") in FORMATS
