import numpy as np
import pytest

from benchmarks.peers import evaluation_cost
from benchmarks.peers.evaluation_cost import FORMATS, WHATS, Comparison


class Recorder:
    """A worker that notes what it is asked, and needs a second more each time."""

    def __init__(self, label, log):
        self.label, self.log, self.count = label, log, 0

    def ask(self, do, **arguments):
        self.log.append((self.label, do, arguments.get("name", "")))
        self.count += 1
        return [float(self.count)] * arguments.get("repeats", 1) if do != "prepare" else 0.0


def seconds(ours, **peers):
    return {name: {"median": value} for name, value in {"ours": ours, **peers}.items()}


def test_a_pass_takes_722_thousand_multiply_adds_a_pixel():
    # By hand: 1728 + 36864 + 18432 + 36864 + 18432 + 3 * 36864 + 18432 + 3 * 36864 + 9216, twice.
    assert evaluation_cost.multiply_adds_per_pixel() == 722_304


def test_an_addition_and_a_multiplication_count_as_two_operations():
    assert evaluation_cost.operations_per_second(10, 10, 0.5) == 2 * 722_304 * 100 / 0.5
    assert evaluation_cost.matmul_operations_per_second(100, 0.01) == pytest.approx(2e8)


def test_programs_that_agree_may_be_timed(rng):
    gradient = rng.normal(size=(1, 4, 5, 3))
    found = evaluation_cost.check_agreement((1.00005, 1.0), [gradient * 1.0005, gradient])
    assert found == pytest.approx({"value": 5e-5, "gradient": 5e-4})


@pytest.mark.parametrize(
    ("value", "factor"), [(1.0002, 1.0), (1.0, 1.002), (np.nan, 1.0), (1.0, np.nan)]
)
def test_programs_that_differ_may_not(rng, value, factor):
    gradient = rng.normal(size=(1, 4, 5, 3))
    with pytest.raises(evaluation_cost.DisagreementError):
        evaluation_cost.check_agreement((value, 1.0), [gradient * factor, gradient])


def test_the_ratio_is_against_the_faster_layout():
    found = evaluation_cost.ratio(seconds(1.0, a=4.0, b=2.0))
    assert found == {"ratio": 0.5, "against": "b"}


def test_without_a_peer_there_is_no_ratio():
    assert evaluation_cost.ratio(seconds(1.0)) is None


def test_both_programs_are_timed_in_turns_and_each_prepared_first(tmp_path):
    log = []
    comparison = Comparison(Recorder("ours", log), Recorder("PyTorch", log), tmp_path)
    found = comparison.time("float32", rounds=2)
    labels = [label for label, do, _ in log if do == "time"]
    assert labels == ["ours", "PyTorch", "PyTorch"] * 4
    assert [do for _, do, _ in log[:6]] == ["prepare"] * 6
    names = [name for _, do, name in log if do == "time"]
    assert names[:6] == names[6:]
    assert len(set(names)) == 6
    assert set(found) == set(WHATS)
    assert found["network"]["ours"]["runs"] == 2


def test_the_rate_is_the_largest_of_all_sizes_and_programs(tmp_path):
    class Fixed:
        def __init__(self, rates):
            self.rates = rates

        def ask(self, do, precision, size, repeats):
            return [2 * size**3 / self.rates[size]] * repeats

    comparison = Comparison(Fixed({8: 5.0, 16: 7.0}), Fixed({8: 9.0, 16: 3.0}), tmp_path)
    found = comparison.matmul((8, 16), 3)
    assert found["float32"]["largest"] == pytest.approx(9)
    assert found["bfloat16"]["rates"]["ours 16"] == pytest.approx(7)


def results(ours=2.0, peers=(), rate=722_304.0):
    row = {
        precision: {what: {"seconds": seconds(ours, **dict(peers))} for what in WHATS}
        for precision in FORMATS
    }
    for x in row.values():
        for cell in x.values():
            cell["seconds"]["ours"] |= {"minimum": 1.0, "maximum": 3.0}
            cell |= evaluation_cost.ratio(cell["seconds"]) or {}
    return {"sizes": {"2x1": row}, "matmul": {name: {"largest": rate} for name in FORMATS}}


def test_a_share_is_the_rate_of_the_network_over_that_of_matrix_products():
    # 2 pixels in 2 seconds: one pixel's 2 * 722304 operations a second.
    found = results(ours=2.0, rate=4 * 722_304.0)
    evaluation_cost.add_shares(found)
    assert found["sizes"]["2x1"]["bfloat16"]["network"]["share"] == pytest.approx(0.5)


def test_the_table_shows_the_peer_or_that_there_is_none():
    found = results(peers={"PyTorch nchw": 4.0})
    evaluation_cost.add_shares(found)
    line = evaluation_cost.table(found).splitlines()[2]
    start = "| 2x1 | float32 | evaluation | 2.000 | 1.000 - 3.000 | 4.000 | nchw | 0.50 |"
    assert line.startswith(start)
    found = results()
    evaluation_cost.add_shares(found)
    assert "| - | - | - |" in evaluation_cost.table(found)
