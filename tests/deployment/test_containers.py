"""Dockerfile, compose.yaml and kubernetes/: against published schemas, and against the program.

None of them is run here: there is no container to run them in.
"""

import dataclasses
import fnmatch
import json
import re
import shlex
import subprocess
import sys
import tomllib
from urllib.parse import urlsplit

import jsonschema
import kubernetes_validate
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from benchmarks.harness.problem import ROOT
from stylize_tf.cli.flags import read_command_line
from stylize_tf.cli.main import find_commands
from stylize_tf.jobs.options.service import ServeOptions
from stylize_tf.service.files import Files
from stylize_tf.service.queue import Queue
from stylize_tf.service.web.app import create_app

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
MANIFESTS = [
    document
    for path in sorted((ROOT / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]
COMMANDS = (ROOT / "kubernetes" / "service.yaml").read_text().partition("apiVersion")[0]

DEFAULT = {x.name: x.default for x in dataclasses.fields(ServeOptions)}


def dockerfile(instruction):
    """What follows an instruction, of each line that has it."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    return [x.removeprefix(f"{instruction} ") for x in lines if x.startswith(f"{instruction} ")]


def of(kind, name):
    """A manifest."""
    return next(x for x in MANIFESTS if (x["kind"], x["metadata"]["name"]) == (kind, name))


def pods():
    """Name of a workload, and the pod that it starts."""
    kinds = ("Deployment", "StatefulSet")
    return [
        (x["metadata"]["name"], x["spec"]["template"]["spec"])
        for x in MANIFESTS
        if x["kind"] in kinds
    ]


def words(command):
    return shlex.split(command) if isinstance(command, str) else command


def options_of(command):
    """Name and options of a command line of ours, read as the program reads it."""
    name, *arguments = words(command)
    read = read_command_line(["stylize-tf", *arguments], find_commands()[name].FLAGS)
    [kind] = find_commands()[name].FLAGS
    return name, kind(**read.given[0])


OURS = {
    "Dockerfile": yaml.safe_load(dockerfile("CMD")[0]),
    **{f"compose {x}": y["command"] for x, y in COMPOSE["services"].items() if x != "redis"},
    **{
        f"kubernetes {name}": pod["containers"][0]["args"]
        for name, pod in pods()
        if name != "stylize-tf-redis"
    },
}
"""Where a command line is -> that."""


@pytest.fixture
def app(tmp_path):
    queue = Queue.at(str(tmp_path / "queue.sqlite"))
    return create_app(queue, Files(str(tmp_path)), at_once=queue, token="secret")


def test_compose_is_as_its_specification_has_it(tmp_path):
    def is_valid(path):
        checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
        return subprocess.run([*checker, "vendor.compose-spec", path], capture_output=True)

    assert is_valid(ROOT / "compose.yaml").returncode == 0
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((ROOT / "compose.yaml").read_text().replace("read_only:", "readonly:"))
    assert is_valid(wrong).returncode != 0


@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
def test_manifests_are_as_kubernetes_has_them(version):
    own = [x for x in MANIFESTS if x["kind"] != "ScaledObject"]
    for manifest in own:
        kubernetes_validate.validate(manifest, version, strict=True)
    wrong = {**own[0], "specs": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_what_scales_workers_is_as_keda_has_it():
    schema = json.loads((ROOT / "tests/deployment/keda_scaled_object.json").read_text())
    [scaled] = [x for x in MANIFESTS if x["kind"] == "ScaledObject"]
    jsonschema.validate(scaled, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**scaled, "spec": {**scaled["spec"], "maxReplicas": 8}}, schema)
    target = scaled["spec"]["scaleTargetRef"]["name"]
    assert "replicas" not in of("Deployment", target)["spec"]  # That is not for both to say.


def test_what_scales_workers_is_measured_by_the_service(app):
    [scaled] = [x for x in MANIFESTS if x["kind"] == "ScaledObject"]
    with TestClient(app) as client:
        text = client.get("/metrics").text  # Without a token.
    told = {x.name for x in text_string_to_metric_families(text)}
    for trigger in scaled["spec"]["triggers"]:
        asked = urlsplit(trigger["metadata"]["url"])
        name, namespace, _ = asked.hostname.split(".")
        assert f"kubectl create namespace {namespace}" in COMMANDS
        assert asked.port == of("Service", name)["spec"]["ports"][0]["port"]
        assert asked.path in {x.path for x in app.routes}
        assert trigger["metadata"]["valueLocation"] in told
    formula = scaled["spec"]["advanced"]["scalingModifiers"]["formula"]
    assert {*re.findall(r"\w+", formula)} == {x["name"] for x in scaled["spec"]["triggers"]}


@pytest.mark.parametrize("where", OURS)
def test_command_lines_are_understood_by_the_program(where):
    name, options = options_of(OURS[where])
    assert name in ("serve", "work")
    assert options.results == "/jobs"
    if name == "serve":
        assert (options.host, options.port) == ("0.0.0.0", 8000)
    if where != "Dockerfile":
        assert options.workers + options.network_workers >= 1
        service = urlsplit(options.queue)
        assert service.scheme == "redis"
        if where.startswith("compose"):
            assert service.hostname in COMPOSE["services"]
        else:
            [port] = of("Service", service.hostname)["spec"]["ports"]
            assert service.port == port["port"]


def test_jobs_and_what_networks_paint_at_once_have_workers_each():
    for place in ("compose", "kubernetes"):
        own = [options_of(y)[1] for x, y in OURS.items() if x.startswith(place)]
        assert sum(x.workers for x in own)
        assert sum(x.network_workers for x in own)


def test_ports_and_paths_are_those_of_the_service(app):
    paths = {x.path for x in app.routes}
    checks = [*dockerfile("HEALTHCHECK"), *COMPOSE["services"]["service"]["healthcheck"]["test"]]
    asked = [urlsplit(x) for text in checks for x in re.findall(r"http://[^']+", text)]
    assert len(asked) == 2
    for each in asked:
        assert (each.port, each.path in paths) == (DEFAULT["port"], True)
    assert dockerfile("EXPOSE") == [str(DEFAULT["port"])]
    assert COMPOSE["services"]["service"]["ports"] == ["127.0.0.1:8000:8000"]
    container = dict(pods())["stylize-tf"]["containers"][0]
    [port] = container["ports"]
    assert port["containerPort"] == options_of(container["args"])[1].port
    assert of("Service", "stylize-tf")["spec"]["ports"][0]["targetPort"] == port["name"]
    for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
        assert container[probe]["httpGet"]["port"] == port["name"]
        assert container[probe]["httpGet"]["path"] in paths


def test_pods_are_bounded_and_write_to_their_volumes_alone():
    for name, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        volumes = {x["name"]: x for x in pod["volumes"]}
        for container in pod["containers"]:
            safe = container["securityContext"]
            assert safe["readOnlyRootFilesystem"] is True
            assert safe["allowPrivilegeEscalation"] is False
            assert safe["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]
            assert {*container["resources"]["requests"]} == {"cpu", "memory"}
            mounts = {x["mountPath"]: x["name"] for x in container["volumeMounts"]}
            assert "emptyDir" in volumes[mounts["/tmp"]]
            if name != "stylize-tf-redis":
                claim = volumes[mounts["/jobs"]]["persistentVolumeClaim"]["claimName"]
                many = of("PersistentVolumeClaim", claim)["spec"]["accessModes"]
                assert many == ["ReadWriteMany"]


def test_selectors_find_what_they_are_for():
    labels = [
        x["spec"]["template"]["metadata"]["labels"]
        for x in MANIFESTS
        if x["kind"] in ("Deployment", "StatefulSet")
    ]
    for manifest in MANIFESTS:
        spec = manifest["spec"]
        if manifest["kind"] == "Service":
            assert spec["selector"] in labels
        elif "template" in spec:
            assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
        elif manifest["kind"] == "NetworkPolicy":
            assert spec["podSelector"]["matchLabels"] in labels
            [origin] = spec["ingress"][0]["from"]
            [expression] = origin["podSelector"]["matchExpressions"]
            assert {*expression["values"]} == {x["app"] for x in labels} - {"stylize-tf-redis"}


def test_the_token_comes_from_the_environment_and_is_in_no_file():
    name = "STYLIZE_TF_TOKEN"
    assert name in (ROOT / "stylize_tf" / "service" / "serving.py").read_text()
    assert COMPOSE["services"]["service"]["environment"][name].startswith(f"${{{name}:?")
    [given] = dict(pods())["stylize-tf"]["containers"][0]["env"]
    secret = given["valueFrom"]["secretKeyRef"]
    assert given["name"] == name
    assert f"create secret generic {secret['name']} --from-literal={secret['key']}=" in COMMANDS
    assert not any(options_of(x)[1].token for x in OURS.values() if words(x)[0] == "serve")


def test_the_image_copies_what_is_there_and_is_no_user_who_owns_it():
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    allowed = [x[1:] for x in ignored if x.startswith("!")]
    copied = [x for text in dockerfile("COPY") for x in text.split()[:-1]]
    assert "*" in ignored
    assert sorted(copied) == sorted(allowed)
    assert all((ROOT / x).exists() for x in copied)
    assert any(fnmatch.fnmatch("stylize_tf/cli/__pycache__", x) for x in ignored)
    [user] = dockerfile("USER")
    assert int(user) > 0
    for name, pod in pods():
        if name != "stylize-tf-redis":
            assert pod["securityContext"]["runAsUser"] == int(user)


def test_the_image_is_installed_by_extras_and_a_program_that_the_package_has():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    arguments = dict(x.split("=", 1) for x in dockerfile("ARG"))
    extras = arguments["EXTRAS"].strip('"').split(",")
    assert {*extras} <= {*project["optional-dependencies"]}
    assert "serve" in extras
    [program] = yaml.safe_load(dockerfile("ENTRYPOINT")[0])
    assert program in project["scripts"]
    [command] = re.findall(rf"{program} (\S+)", " ".join(dockerfile("RUN")))
    assert command in find_commands()
    [version] = re.findall(r"python:3\.(\d+)-slim", *dockerfile("FROM"))
    least, most = re.findall(r"3\.(\d+)", project["requires-python"])
    assert int(least) <= int(version) < int(most)
