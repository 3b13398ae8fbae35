import numpy as np
import tensorflow as tf

from stylize_tf.machine.tracing import compiled, of_any_size


def test_a_function_of_any_size_has_one_trace_for_maps_of_all_sizes():
    traces = []

    def function(image, targets):
        traces.append(1)
        return image * targets["scale"] + tf.reduce_mean(targets["map"])

    call = of_any_size(function)
    for height, width in ((1, 1), (3, 5), (8, 2)):
        found = call(
            tf.ones([1, height, width, 3]),
            {"scale": tf.constant(2.0), "map": tf.fill([1, width, height, 7], 5.0)},
        )
        np.testing.assert_array_equal(found, tf.fill([1, height, width, 3], 7.0))
    assert len(traces) == 1


def test_compiled_functions_of_one_source_count_their_traces_each_for_itself(monkeypatch):
    """TensorFlow's log warns when the functions of one source have many traces together."""
    warned = []
    monkeypatch.setattr(tf.get_logger(), "handle", warned.append)
    functions = [compiled(tf.add) for _ in range(12)]
    for index, function in enumerate(functions, start=1):
        shape = [1, index, 1, 3]
        for _ in range(2):
            function(tf.zeros(shape), tf.ones(shape))
        assert function.experimental_get_tracing_count() == 1
    assert warned == []
