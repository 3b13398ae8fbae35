"""Networks that were trained are offered by their names, beside the one that comes along."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize_tf.cli.exits import Exit
from stylize_tf.config.training import SHIPPED
from stylize_tf.errors import ConfigError
from stylize_tf.feedforward import network_files
from stylize_tf.feedforward.network import Network
from stylize_tf.images import image_io
from stylize_tf.jobs.options.service import WorkOptions
from stylize_tf.service import serving, worker
from stylize_tf.service.networks import Offered, offered
from tests.fakes.tiny_network import network_of
from tests.service.conftest import PICTURES, ended, png

PHOTOGRAPH = PICTURES[:1]
SIZE = {"size": "64"}


@pytest.fixture(scope="module")
def pond():
    return network_of("sea", "sky")


@pytest.fixture(scope="module")
def saved(pond, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "pond.keras"
    network_files.save(pond, path)
    return path


@pytest.fixture
def file(saved, tmp_path):
    """A network of the machine, in a folder that nobody is to learn of."""
    folder = tmp_path / "secret"
    folder.mkdir()
    return shutil.copy(saved, folder)


def at_once(made):
    """A service whose worker paints at once."""
    made.work("network", made.at_once, is_of_network=True)
    return made.client()


def test_networks_have_the_names_of_their_files_after_the_one_that_comes_along(
    file, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path / "secret")
    found = offered(["pond.keras"])
    assert [*found] == [SHIPPED, "pond"]
    assert found["pond"] == Offered("pond", file, ("sea", "sky"))
    assert found[SHIPPED].file == SHIPPED
    assert [*offered()] == [SHIPPED]


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


def changed(path):
    """One byte of the weights, far from what tells of the archive."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        data[archive.getinfo("model.weights.h5").header_offset + 2000] ^= 1
    path.write_bytes(data)


def gone(path):
    path.unlink()


def folder(path):
    path.unlink()
    path.mkdir()


def without_numbers(path):
    network = network_of("sea", "sky")
    network.weights[0].assign(np.nan * network.weights[0])
    network_files.save(network, path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut, "is no network of this program, or not all of one"),
        (changed, "is no network of this program, or not all of one"),
        (gone, "is not there: --network must be a file by"),
        (folder, "cannot be read: Is a directory"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "work"])
def test_a_file_that_cannot_be_read_is_told_before_anything_is_begun(
    check, saved, tmp_path, monkeypatch, command, spoil, said
):
    monkeypatch.setattr(serving, "Queue", None)
    spoil(tmp_path / shutil.copy(saved, tmp_path))
    code, line = check(command, "--results=jobs", "--network=pond.keras")
    assert code == Exit.USAGE
    assert said in line
    assert "pond.keras'" in line


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (("a/pond.keras", "b/pond.keras"), "'b/pond.keras' has that of '"),
        (("a/pond.keras", "a/pond.keras"), "must be files of different names"),
        (("a/shipped.keras",), "has that of the one that comes with the program, shipped."),
        (("shipped",), "has that of the one that comes with the program, shipped."),
        (("a/-x.keras",), "must be a file whose name can be asked for"),
        (("a/data:x.keras",), "must be a file whose name can be asked for"),
        (("a/one\nline.keras",), "must be a file whose name can be asked for"),
        (("a/\udcff.keras",), "must be a file whose name can be asked for"),
    ],
    ids=repr,
)
def test_names_that_cannot_be_asked_for_are_refused(saved, tmp_path, monkeypatch, files, said):
    monkeypatch.chdir(tmp_path)
    for name in files:
        Path(name).parent.mkdir(exist_ok=True)
        shutil.copy(saved, name)
    with pytest.raises(ConfigError) as caught:
        offered(files)
    assert "`network`" in str(caught.value)
    assert said in str(caught.value)


def test_all_workers_of_a_command_have_the_networks(file):
    options = WorkOptions(network=(file,), workers=1, network_workers=1)
    workers = serving.workers_of(options, offered(options.network), None, None, None)
    assert [[*x.options.networks] for x in workers._posts] == [[SHIPPED, "pond"]] * 2


def test_every_network_is_listed_with_its_styles_and_described(service, file):
    with service([file]).client() as client:
        listed = client.get("/v1/styles").json()
        assert [x["network"] for x in listed] == [SHIPPED, "pond"]
        assert listed[1]["styles"] == ["sea", "sky"]
        told = client.get("/openapi.json").json()["paths"]
        for path in ("/v1/jobs", "/v1/stylize"):
            body = told[path]["post"]["requestBody"]["content"]["multipart/form-data"]
            options = body["schema"]["properties"]
            assert options["network"]["enum"] == [SHIPPED, "pond"]
            assert "pond: sea, sky" in options["network_style"]["description"]
        assert "secret" not in json.dumps([listed, told])


def test_a_network_that_is_named_paints_in_its_styles(service, pond, file):
    made = service([file])
    with at_once(made) as client:
        photograph = image_io.read(io.BytesIO(png(0)))
        small = image_io.resize(photograph, 43, 64).clip(0, 1)
        for asked, style in (({}, "sea"), ({"network_style": "sky"}, "sky")):
            data = {**SIZE, "network": "pond", **asked}
            response = client.post("/v1/stylize", files=PHOTOGRAPH, data=data)
            assert response.status_code == 200, response.text
            painted = np.asarray(Image.open(io.BytesIO(response.content)), np.float32) / 255
            expected = pond(small, style=style).numpy()[0]
            assert np.abs(painted - expected).max() < 0.6 / 255
        wrong = {**SIZE, "network": "pond", "network_style": "swirls"}
        response = client.post("/v1/stylize", files=PHOTOGRAPH, data=wrong)
        assert response.status_code == 400
        assert "`network_style` must be one of sea, sky" in response.json()["error"]


def test_a_job_of_a_network_is_plain_data_and_tells_of_no_file(service, file):
    made = service([file])
    made.work()
    with made.client() as client:
        data = {**SIZE, "network": "pond", "network_style": "sky"}
        job = client.post("/v1/jobs", files=PHOTOGRAPH, data=data).json()["id"]
        assert ended(client, job)["state"] == "finished"
        assert made.queue.asked(job)["options"] == {"network": "pond", "network_style": ["sky"]}
        recipe = client.get(f"/v1/jobs/{job}/recipe").json()
        assert recipe["options"]["network"] == "pond"
        assert recipe["weights"]["source"] == "network 'pond'"
        result = client.get(f"/v1/jobs/{job}/result").content
        (made.folder / "told.png").write_bytes(result)
        of_picture = image_io.read_metadata(made.folder / "told.png")
        assert of_picture == recipe
        everything = [recipe, made.queue.asked(job), made.queue.events(job, 0), made.said]
        assert "secret" not in json.dumps(everything)


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/stylize"])
def test_what_is_no_name_of_a_network_is_refused_with_the_names(service, file, path):
    made = service([file])
    with made.client() as client:
        for name in ("pound", file, "pond.keras", "secret/pond.keras", "../pond", "a" * 5000):
            data = {**SIZE, "network": name}
            response = client.post(path, files=PHOTOGRAPH, data=data)
            assert response.status_code == 400
            told = response.json()
            assert told["error"].startswith("`network` must be one of shipped, pond; got '")
            assert len(told["error"]) < 200
        assert client.post(path, files=PHOTOGRAPH, data={**SIZE, "network": "pound"}).json()[
            "hint"
        ] == ("Did you mean pond?")
        twice = {**SIZE, "network": ["pond", SHIPPED]}
        response = client.post(path, files=PHOTOGRAPH, data=twice)
        assert response.json()["error"] == "`network` must be given once."
        assert made.queue.waiting() == made.at_once.waiting() == []


def test_a_worker_without_the_network_ends_the_job_and_tells_what_to_start(service, file):
    made = service([file])
    made.work(networks=offered())
    with made.client() as client:
        data = {**SIZE, "network": "pond"}
        job = client.post("/v1/jobs", files=PHOTOGRAPH, data=data).json()["id"]
        status = ended(client, job)
        assert status["state"] == "failed"
        assert status["error"] == (
            "the worker has no network 'pond': start it with --network and a file of this name, as "
            "the service was."
        )
        assert made.said == [f"{job}: {status['error']}"]
        # And it goes on with others.
        job = client.post("/v1/jobs", files=PHOTOGRAPH, data={**SIZE, "network": SHIPPED}).json()
        assert ended(client, job["id"])["state"] == "finished"


@pytest.mark.parametrize("spoil", [cut, gone, without_numbers])
def test_a_file_that_is_spoilt_later_is_told_by_its_name_alone(service, file, spoil):
    made = service([file])
    unread = "the network 'pond' cannot be read any more."
    with made.client() as client:
        data = {**SIZE, "network": "pond"}
        job = client.post("/v1/jobs", files=PHOTOGRAPH, data=data).json()["id"]
        spoil(Path(file))
        response = client.post("/v1/jobs", files=PHOTOGRAPH, data=data)
        if spoil is not without_numbers:  # Which is seen where it is loaded.
            assert response.status_code == 400
            assert response.json() == {"error": unread, "hint": "Take another one."}
        made.work()
        status = ended(client, job)
        assert (status["error"], status["hint"]) == (unread, "Take another one.")
        assert "secret" not in json.dumps([status, made.queue.events(job, 0)])
        assert file in made.said[0]  # Who runs it learns which file, and what is wrong with it.


def test_networks_are_loaded_once_and_the_newest_of_them_kept(service, file, monkeypatch):
    loaded = []
    load = Network.load

    def counted(path):
        loaded.append(path.stem)
        return load(path)

    monkeypatch.setattr(Network, "load", counted)
    monkeypatch.setattr(worker, "_KEPT_NETWORKS", 1)
    made = service([file])
    with at_once(made) as client:

        def paint(name):
            data = {**SIZE, "network": name}
            assert client.post("/v1/stylize", files=PHOTOGRAPH, data=data).status_code == 200

        for name in ("pond", "pond", SHIPPED, SHIPPED, "pond"):
            paint(name)
    assert loaded == ["pond", "shipped", "pond"]
