import json
import math

import numpy as np
import pytest

from benchmarks.harness import problem
from benchmarks.peers import reference_pastiche, references, time_to_quality
from stylize_tf.images import image_io

LINES = """device[0]: cpu (0-29)
seed: 0
size: 577x433

step elapsed loss
---- ------- ----
0    4.1     38604432.00
1    4.2     38604432.00
12   4.3     23536210.25
"""


def test_the_table_of_pastiche_is_read_and_the_rest_passed_over():
    found = list(reference_pastiche.parse(LINES.splitlines(keepends=True)))
    assert found == [(0, 38604432.0), (1, 38604432.0), (12, 23536210.25)]


def test_a_value_that_is_not_finite_is_read_too():
    ((step, value),) = reference_pastiche.parse(["7    9.9     nan"])
    assert step == 7
    assert math.isnan(value)


def test_pastiche_resizes_to_an_area():
    # sqrt(250000 * 3 / 4) = 433.01; 433 * 4 / 3 = 577.3.
    assert reference_pastiche.size_of(768, 1024) == (433, 577)


def test_the_painting_gets_the_area_that_the_photograph_has(tmp_path):
    from PIL import Image

    scale = references.full("pastiche")
    sizes = []
    for path in references.prepare_pictures("pastiche", scale, tmp_path):
        with Image.open(path) as picture:
            sizes.append(picture.size)
    # 577 * 433 = 249841; the painting is 1024x800: sqrt(249841 * 800 / 1024) = 441.8.
    assert sizes == [(577, 433), (566, 442)]


def test_the_objective_of_pastiche_is_written_in_our_options():
    config = references.config_of("pastiche", references.full("pastiche"))
    assert config.style_layer_weights == pytest.approx(
        (10 / 64**2, 10 / 128**2, 10 / 256**2, 10 / 512**2, 10 / 512**2)
    )
    assert (config.content_weight, config.style_weight) == (0.01, 1.0)
    assert not config.normalize_features
    assert config.padding == "zero"


def test_steps_are_read_with_their_values_and_seconds(tmp_path):
    table = tmp_path / "steps.csv"
    table.write_text("step,value,seconds\n1,9.5e13,2.0\n2,8e13,1.0\n3,7e13,1.5\n4,6e13,1.1\n")
    steps = references.read_steps(table)
    assert steps[0] == (1, 9.5e13, 2.0)
    assert references.steps_to(steps, 7.5e13) == 3
    assert references.steps_to(steps, 1e13) is None
    found = references.summary(
        "pytorch-adam", references.Scale(4), {"steps": 4, "value": 5e13}, steps, 1, "nchw"
    )
    assert found["first_value"] == 9.5e13
    assert found["seconds_of_steps"] == pytest.approx(5.6)
    assert found["seconds_per_step"]["median"] == pytest.approx(1.3)  # Of the last two.


def test_a_reference_of_other_pictures_or_fewer_steps_is_none(tmp_path):
    pictures = {path.name: references.digest(path) for path in problem.EXAMPLES}
    kept = {"peer": "pastiche", "pictures": pictures, "steps": 1000, "value": 1.0}
    table = tmp_path / "steps.csv"
    table.write_text("step,value,seconds\n")
    references.keep(kept, table, tmp_path / "kept")
    assert references.load("pastiche", tmp_path / "kept") == kept
    assert references.load("pytorch-adam", tmp_path / "kept") is None
    for change in ({"steps": 999}, {"pictures": {**pictures, "content.jpg": "0"}}):
        references.keep({**kept, **change}, table, tmp_path / "kept")
        assert references.load("pastiche", tmp_path / "kept") is None


def test_a_run_of_pastiche_that_finished_is_not_repeated(tmp_path):
    (tmp_path / "steps.json").write_text(json.dumps({"steps": 5, "value": 2.0}))
    found = reference_pastiche.run("/no/python", problem.EXAMPLES, tmp_path / "steps.csv")
    assert found == {"steps": 5, "value": 2.0}


def test_a_problem_is_the_same_after_its_file(tmp_path, rng):
    made = problem.Problem(
        config={"size": 3},
        units={"block1_conv1": 2.0},
        tensors={"block1_conv1": (rng.normal(size=(3, 3, 3, 4)), rng.normal(size=4))},
        content=rng.uniform(size=(1, 4, 5, 3)).astype(np.float32),
        style=rng.uniform(size=(1, 5, 4, 3)).astype(np.float32),
    )
    found = problem.read(problem.write(tmp_path / "problem.npz", made))
    assert (found.config, found.units) == (made.config, made.units)
    np.testing.assert_array_equal(found.content, made.content)
    np.testing.assert_array_equal(found.style, made.style)
    for index in (0, 1):
        np.testing.assert_array_equal(
            found.tensors["block1_conv1"][index], made.tensors["block1_conv1"][index]
        )


def test_options_become_flags():
    options = {"size": 400, "steps": (60, 40), "normalize_features": False, "content_weight": 0.01}
    assert time_to_quality.flags_of(options) == [
        "--size=400",
        "--steps=60,40",
        "--normalize_features=false",
        "--content_weight=0.01",
    ]


def test_the_flags_of_a_schedule_are_read_by_the_command_line():
    from stylize_tf.cli import flags
    from stylize_tf.cli.commands import paint

    for peer, schedule in time_to_quality.SCHEDULES.items():
        pictures = problem.EXAMPLES
        scale = references.full(peer)
        given = time_to_quality.flags_for(peer, scale, schedule, pictures)
        _, changes = flags.read_command_line(["main.py", *given], paint.FLAGS).given
        config = references.config_of(peer, scale).replace(**changes)
        wanted = references.config_of(peer, scale).replace(optimizer="lbfgs", **schedule)
        assert config.replace(style_size=0) == wanted


def run_of(wall, steps, median):
    return {
        "wall_seconds": wall,
        "seconds_of_steps": steps,
        "seconds_per_step": {"median": median},
    }


def test_a_peers_seconds_are_its_start_and_the_median_step_times_their_number():
    found = time_to_quality.peer_seconds(run_of(14.0, 10.0, 1.25), 1000)
    assert found["start"] == pytest.approx(4)
    assert found["seconds"] == pytest.approx(1254)


def test_times_less_is_against_the_fastest_layout_and_nothing_if_not_reached():
    peer = {"nchw": {"seconds": 300.0}, "channels_last": {"seconds": 200.0}}
    ours = {"seconds": {"median": 4.0}, "reached": True, "file_reached": False}
    found = time_to_quality.against(ours, peer)
    assert found == {"times_less": 50.0, "file_times_less": 0.0, "against": "channels_last"}
    assert time_to_quality.against({**ours, "reached": False}, peer)["times_less"] == 0


def row(reached=True, peer=True):
    reference = {"steps": 3000, "value": 5.0, "picture_value": 5.5, "seconds_of_steps": 4000.0}
    ours = {"value": 4.0 if reached else 6.0, "reached": reached, "seconds": {"median": 30.0}}
    ours |= {"file_value": 7.0, "file_reached": False}
    seconds = {"nchw": {"seconds": 3000.0}} if peer else None
    return {"reference": reference, "ours": ours, "peer": seconds, "times_less": 100.0}


def test_the_table_tells_what_was_reached_and_what_was_not_measured():
    found = {"a": row(), "b": row(reached=False), "c": row(peer=False), "d": None}
    lines = time_to_quality.table(found).splitlines()[2:]
    assert lines[0] == "| a | 3000 | 5 | 4 | 30.0 | nchw 3000 | 100.0 | 5.5 | 7, worse |"
    assert lines[1].endswith("| not reached | 5.5 | 7, worse |")
    assert lines[2].endswith("| not measured | 5.5 | 7, worse |")
    assert "not measured" in lines[3]
    assert len({line.count("|") for line in lines}) == 1


@pytest.mark.parametrize(
    ("loss", "file_value", "reached", "file_reached"),
    [(4.9, 5.4, True, True), (5.1, 5.4, False, True), (4.9, 5.6, True, False)],
)
def test_our_loss_is_held_against_what_the_peer_prints_and_files_against_each_other(
    tmp_path, monkeypatch, loss, file_value, reached, file_reached
):
    output = tmp_path / "ours.png"
    monkeypatch.setattr(time_to_quality, "paint", lambda *_: 30.0)
    image_io.write(output, np.zeros([1, 2, 3, 3]), metadata={"result": {"loss": loss}})
    evaluator = time_to_quality.Evaluator(Judge(file_value), tmp_path / "problem.npz", tmp_path)
    reference = {"value": 5.0, "picture_value": 5.5}
    found = time_to_quality.measure_ours(evaluator, problem.EXAMPLES, [], reference, 2, output)
    assert (found["reached"], found["file_reached"]) == (reached, file_reached)
    assert found["seconds"]["runs"] == 2


class Judge:
    def __init__(self, value):
        self.value = value

    def ask(self, do, **arguments):
        return self.value if do == "value" else None


def test_another_objective_than_the_peers_is_refused(tmp_path):
    picture = np.zeros((1, 2, 2, 3))
    same = time_to_quality.Evaluator(Judge(1000.5), tmp_path / "problem.npz", tmp_path)
    assert same.check_same(picture, 1000.0) == pytest.approx(5e-4)
    for value in (1002.0, math.nan):
        other = time_to_quality.Evaluator(Judge(value), tmp_path / "problem.npz", tmp_path)
        with pytest.raises(time_to_quality.DifferentObjectiveError):
            other.check_same(picture, 1000.0)
