"""README is true: its Python runs as it stands, its links and its flags exist."""

import re
from pathlib import Path

import pytest

import stylize_tf
from stylize_tf.cli import help
from stylize_tf.cli.main import find_commands
from stylize_tf.evaluation.engine import Engine

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def readme():
    return (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_python_of_the_readme_runs_as_it_stands(readme, vgg_engine, tmp_path, monkeypatch, capsys):
    """In a folder of its own, with the repository's examples; one program from top to bottom."""
    examples = tmp_path / "examples"
    examples.mkdir()
    for picture in (ROOT / "examples").glob("*.[jp][pn]g"):
        (examples / picture.name).write_bytes(picture.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Engine, "vgg19", lambda weights: vgg_engine)
    found = blocks(readme, "python")
    assert found, "README.md shows no Python."
    names = {"__name__": "__main__"}
    for number, block in enumerate(found, start=1):
        path = tmp_path / f"readme_{number}.py"
        path.write_text(block, encoding="utf-8")
        exec(compile(block, path, "exec"), names)
    # What it prints is its own: nothing of ours, nothing in a block without `print`.
    if not any("print" in block for block in found):
        assert capsys.readouterr().out == ""
    used = {name for name in stylize_tf.__all__ if re.search(rf"\b{name}\b", "".join(found))}
    assert {"stylize", "Stylizer"} <= used


def test_files_that_the_readme_names_exist(readme):
    links = re.findall(r"\]\(([^)#\s]+)", readme)
    assert links
    for link in links:
        if not re.match(r"\w+:", link):
            assert (ROOT / link).exists(), link


def test_flags_that_the_readme_names_exist(readme):
    texts = (help.full_help("main.py", command) for command in find_commands().values())
    known = set(re.findall(r"--(?:\[no\])?(\w+)", "".join(texts)))
    ours = "\n".join(line for line in readme.splitlines() if "pip " not in line)
    named = set(re.findall(r"(?<![\w-])--(\w+)", ours))
    assert named
    assert named <= known | {"help", "helpfull", "flagfile"}


def test_make_targets_that_the_readme_names_exist(readme):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"^make ([\w-]+)", "\n".join(blocks(readme, "console")), re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_gallery_of_the_readme_has_every_picture_with_the_command_that_made_it(readme):
    from examples import gallery

    assert gallery.markdown() in readme
    pictures = [gallery.path_of(x) for group in gallery.GROUPS.values() for x in group]
    assert len({path.name for path in pictures}) == len(pictures)
    for path in pictures:
        assert path.stat().st_size < (250_000 if path.suffix == ".jpg" else 600_000), path
