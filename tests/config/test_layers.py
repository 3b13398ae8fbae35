from stylize_tf.config.layers import CLASSIC_STYLE_LAYERS, VGG19_LAYERS


def test_layers_are_those_of_five_blocks_from_shallow_to_deep():
    assert len(VGG19_LAYERS) == 16 + 5
    assert [x for x in VGG19_LAYERS if x.endswith("pool")] == [
        f"block{i}_pool" for i in range(1, 6)
    ]
    assert list(VGG19_LAYERS) == sorted(VGG19_LAYERS)
    assert set(CLASSIC_STYLE_LAYERS) <= set(VGG19_LAYERS)
