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

# Module -> the modules of ours, and after the bar the packages, that it may import. Each may only
# name modules above itself, so imports point one way.
TABLE = {
    # Every default and range; read before anything heavy is loaded.
    "config": "",
    # Files that are replaced whole or not at all, pictures and weights alike.
    "atomic_files": "",
    # Pictures in and out, four layers of one job; `image_io` is the door.
    "image_files": "atomic_files",
    "image_opening": "image_files | PIL pillow_heif",
    "image_decoding": "image_files | numpy PIL",
    "image_io": "image_files image_opening image_decoding | numpy PIL",
    # Colors told apart from lightness, and brought from one picture to another.
    "color_spaces": "| numpy",
    "color": "color_spaces | numpy",
    # Which paintings a style is.
    "styles": "config image_files",
    "fine_style": "config",
    # Pictures put together to be looked at, and the painting in motion.
    "montage": "config image_io | numpy PIL",
    "animation": "atomic_files image_io | numpy PIL",
    # Which parts of pictures are regions, read and paired before there is anything to paint.
    "masks": "config image_io | numpy",
    # Named configurations.
    "presets": "config",
    # Pretrained weights: parsers of foreign files and the downloader are apart from where to look.
    "array_files": "| numpy h5py",
    "downloads": "",
    "weight_files": "array_files atomic_files | numpy",
    "weights": "array_files atomic_files downloads weight_files",
    # The mathematics.
    "moments": "| tensorflow",
    "losses": "moments | tensorflow",
    "total_variation": "losses | tensorflow",
    "pyramid": "config",
    "optimizers": "| tensorflow numpy",
    "lbfgs": "| tensorflow numpy",
    "spectral": "lbfgs | tensorflow numpy",
    "features": "| tensorflow keras numpy",
    "objective": "| tensorflow",
    "terms": "config losses moments objective total_variation | tensorflow",
    "precision": "| tensorflow",
    # When a stage has converged or failed, and how long the rest takes.
    "watching": "optimizers pyramid",
    # What the optimization starts from; resizes the pictures it is given.
    "initial": "image_io | numpy",
    # What an optimizer asks of a picture, answered from all of it or from parts.
    "tiling": "objective optimizers | tensorflow keras",
    "evaluation": "objective optimizers tiling | tensorflow keras",
    # Parts of a picture with a painting each; what a run was given, and what it shows.
    "correspondence": "| numpy",
    "regions": "correspondence image_io masks objective optimizers tiling | tensorflow keras numpy",
    "pictures": "color config image_io masks montage pyramid styles | numpy",
    # How much each term counts, whatever the pictures.
    "balance": "config objective pyramid terms | tensorflow numpy",
    # Which parts: what fits.
    "memory": "config evaluation tiling",
    # The steps of one picture, and what it takes to go on with them.
    "run": "evaluation objective optimizers pyramid watching | tensorflow numpy",
    "checkpoint": "atomic_files evaluation run | numpy",
    "stylizer": (
        "balance config image_io presets weights pyramid optimizers lbfgs features objective"
        " precision terms watching initial evaluation fine_style memory pictures regions run"
        " checkpoint spectral | tensorflow keras numpy"
    ),
    # The public names, loaded when they are used.
    "": "config image_io presets weights watching run checkpoint stylizer",
    # The command line: what a process is, then what was asked for, then doing it.
    "cli": "",
    "cli.exits": "",
    "cli.console": "",
    "cli.interrupts": "",
    "cli.viewer": "",
    "cli.naming": "",
    "cli.standard_output": "cli.console",
    "cli.sources": "image_files cli.exits",
    "cli.runtime": "cli.exits stylizer watching | tensorflow",
    "cli.options": "config presets image_files cli.runtime | PIL",
    "cli.flags": "config cli.exits cli.options | absl",
    "cli.help": "config presets cli.exits cli.flags cli.options",
    "cli.failures": "config image_io weights cli.console cli.exits cli.flags",
    "cli.recipe": "config cli.options",
    "cli.progress": "cli.console",
    # One picture.
    "cli.outputs": "animation image_io cli.exits cli.naming cli.options",
    "cli.plan": (
        "atomic_files config fine_style image_io masks pictures presets pyramid styles weights"
        " cli.console cli.exits cli.flags cli.options cli.outputs cli.progress cli.recipe"
        " cli.runtime cli.sources | PIL numpy"
    ),
    "cli.painting": "checkpoint image_io cli.exits cli.plan | numpy",
    "cli.views": "animation image_io montage cli.console cli.failures cli.painting",
    # A sheet of variations.
    "cli.sheet": (
        "config image_io masks presets styles cli.console cli.exits cli.flags cli.naming"
        " cli.options cli.outputs cli.plan"
    ),
    "cli.sheet_run": (
        "config image_io montage weights cli.console cli.exits cli.failures cli.interrupts"
        " cli.painting cli.progress cli.runtime cli.sheet cli.standard_output cli.viewer | numpy"
    ),
    # A folder of many.
    "cli.folder_report": ("cli.console cli.exits cli.failures cli.progress cli.standard_output"),
    "cli.folder": (
        "config image_io masks presets pyramid cli.console cli.exits cli.flags cli.folder_report"
        " cli.naming cli.options cli.plan cli.recipe cli.sources"
    ),
    "cli.folder_run": (
        "image_io weights cli.exits cli.folder cli.folder_report cli.interrupts"
        " cli.naming cli.outputs cli.painting cli.plan cli.recipe cli.runtime | numpy"
    ),
    "cli.stylize": (
        "config image_io cli.console cli.exits cli.failures cli.flags cli.folder"
        " cli.folder_report cli.folder_run cli.help cli.interrupts cli.options cli.painting"
        " cli.plan cli.progress cli.runtime cli.sheet cli.sheet_run cli.standard_output cli.viewer"
        " cli.views | absl"
    ),
    "cli.fetch_weights": "weights cli.console cli.exits cli.interrupts | absl",
    "__main__": "cli.stylize",
}

# Import name -> why it may be missing from requirements.txt.
NOT_REQUIRED = {"h5py": "keras requires it", "pillow_heif": "the extra heic brings it"}
DISTRIBUTIONS = {"PIL": "pillow", "absl": "absl-py", "pillow_heif": "pillow-heif"}


@dataclass(frozen=True)
class Import:
    """One imported name.

    Attributes:
        name: absolute, such as "stylize_tf.config" or "PIL".
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


def allowed(module):
    """The modules and the packages that the table allows."""
    inside, _, outside = TABLE[module].partition("|")
    return set(inside.split()), set(outside.split())


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


def test_the_table_lists_every_module():
    assert set(TABLE) == set(modules())


def test_the_table_points_one_way():
    above = set()
    for module in TABLE:
        inside, _ = allowed(module)
        assert inside <= above, f"{module or 'stylize_tf'} imports what is below it"
        above.add(module)


@pytest.mark.parametrize("module", TABLE)
def test_a_module_imports_only_what_the_table_allows(module):
    imports = list(imports_of(tree_of(module)))
    inside, outside = allowed(module)
    # The package itself is imported for its version: by the command line, and for checkpoints.
    for_version = module.startswith("cli.") or module == "stylizer"
    beyond = ours(imports) - inside - ({""} if for_version else set())
    assert not beyond
    assert packages(imports) <= outside


@pytest.mark.parametrize("module", [name for name in TABLE if TABLE[name]])
def test_the_table_allows_nothing_that_is_not_used(module):
    imports = list(imports_of(tree_of(module)))
    inside, outside = allowed(module)
    assert inside <= ours(imports)
    assert outside <= packages(imports)


def test_only_the_command_line_knows_flags():
    for module in modules():
        if not module.startswith("cli"):
            assert "absl" not in packages(imports_of(tree_of(module))), module


def test_neither_tests_nor_benchmarks_nor_examples_are_imported():
    for module in modules():
        names = {x.name.partition(".")[0] for x in imports_of(tree_of(module))}
        assert not names & {"tests", "benchmarks", "examples", "conftest", "pytest", "scipy"}


@pytest.mark.parametrize("module", [name for name in TABLE if not name.startswith("cli")])
def test_only_the_command_line_prints_or_ends_the_process(module):
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"print", "exit", "quit", "sys.exit", "os._exit", "input"}
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in {"sys.stdout", "sys.stderr", "tf.print", "sys.argv"}


def test_what_runs_is_in_the_standard_library_or_required():
    for module in modules():
        for name in packages(imports_of(tree_of(module))) - set(NOT_REQUIRED):
            assert DISTRIBUTIONS.get(name, name) in required(), f"{module} imports {name}"


def test_what_is_imported_without_being_required_comes_late_and_with_something_else():
    for module in modules():
        for x in imports_of(tree_of(module)):
            if x.name in NOT_REQUIRED:
                assert x.late, f"{module} imports {x.name} when it is imported"
    keras_needs = requirements(importlib.metadata.requires("keras"))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert "h5py" in keras_needs
    assert "pillow-heif" in requirements(extras["heic"])


def test_nothing_is_required_that_is_not_imported():
    used = {DISTRIBUTIONS.get(x, x) for m in modules() for x in packages(imports_of(tree_of(m)))}
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
        ("config", set()),
        ("cli.stylize", set()),
        ("weights", {"numpy"}),
        ("image_io", {"numpy", "PIL"}),
        ("masks", {"numpy", "PIL"}),
        ("pictures", {"numpy", "PIL"}),
        ("cli.flags", {"absl"}),
        ("cli.plan", {"absl", "numpy", "PIL"}),
    ],
)
def test_what_is_checked_before_tensorflow_does_not_load_it(module, expected):
    assert loaded_with(module) == expected


def test_the_stylizer_loads_tensorflow_but_neither_flags_nor_files_of_weights_formats():
    assert loaded_with("stylizer") == {"tensorflow", "keras", "numpy", "PIL"}


def test_the_public_names_are_loaded_from_where_type_checkers_find_them():
    found = {}
    for node in ast.walk(tree_of("")):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("stylize_tf."):
            home = node.module.removeprefix("stylize_tf.")
            found |= {alias.name: home for alias in node.names}
    assert found == stylize_tf._HOMES
    assert set(found) == set(stylize_tf.__all__)


def test_the_script_is_the_command_line_and_nothing_else():
    tree = ast.parse((ROOT / "main.py").read_text(encoding="utf-8"))
    assert ours(imports_of(tree)) == {"__main__"}
    assert packages(imports_of(tree)) == set()
    assert len(tree.body) == 3  # A docstring, an import, a call.
