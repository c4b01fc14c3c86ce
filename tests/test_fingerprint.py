"""The fingerprint changes with the code that a stage uses, and with nothing else."""

import pytest

from regbench import fingerprint as module


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package regbench with a training loop, two losses and two methods, each using its own loss."""
    root = tmp_path / "regbench"
    files = {
        "__init__.py": "",
        "loop.py": "def train(method):\n    return method\n",
        "mi.py": 'def loss(a):\n    """MI."""\n    return -a\n',
        "ncc.py": "def loss(a):\n    return a * a\n",
        "dmi.py": "from regbench.mi import loss\n",
        "vxm.py": "import regbench.loop\n\ndef late():\n    from regbench import ncc\n    return ncc\n",
    }
    root.mkdir()
    for name, text in files.items():
        (root / name).write_text(text)
    monkeypatch.setattr(module, "ROOT", root)
    return root


def prints() -> dict[str, str]:
    return {m: module.fingerprint(["regbench.loop", f"regbench.{m}:Method"]) for m in ("dmi", "vxm")}


def test_comments_docstrings_and_layout_change_nothing(package):
    before = prints()
    (package / "mi.py").write_text(
        '# why\ndef loss(a):\n\n    """Mutual information."""\n    return (-a)  # minus\n'
    )
    assert prints() == before


def test_a_changed_loss_changes_only_what_uses_it(package):
    before = prints()
    (package / "mi.py").write_text("def loss(a):\n    return -2 * a\n")
    after = prints()
    assert after["dmi"] != before["dmi"]
    assert after["vxm"] == before["vxm"]


def test_imports_inside_functions_count(package):
    before = prints()
    (package / "ncc.py").write_text("def loss(a):\n    return a\n")
    assert prints()["vxm"] != before["vxm"]


def test_a_string_that_is_no_docstring_counts(package):
    (package / "mi.py").write_text('def loss(a):\n    return "x"\n')
    before = prints()
    (package / "mi.py").write_text('def loss(a):\n    return "y"\n')
    assert prints()["dmi"] != before["dmi"]


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"regbench\.nothing"):
        module.fingerprint(["regbench.nothing:Method"])


@pytest.fixture
def folder(tmp_path):
    """A method's class beside its file, which imports a network of its own, a package beside it and our loss."""
    files = {
        "mine.py": "import numpy\nfrom net import Net\nfrom parts import first\nfrom regbench.mi import loss\n",
        "net.py": "class Net:\n    pass\n",
        "other.py": "a = 1\n",
        "parts/__init__.py": "from .first import a\nfrom . import second\n",
        "parts/first.py": "a = 1\n",
        "parts/second.py": "from .deep.third import b\n",
        "parts/deep/third.py": "from .. import fourth\nb = 1\n",
        "parts/fourth.py": "c = 1\n",
    }
    for name, text in files.items():
        (tmp_path / "methods" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "methods" / name).write_text(text)
    return tmp_path / "methods"


@pytest.mark.parametrize("changed", ["mine.py", "net.py", "parts/__init__.py", "parts/first.py", "parts/second.py", "parts/deep/third.py", "parts/fourth.py", "../regbench/mi.py"])  # fmt: skip
def test_whatever_a_class_of_one_s_own_imports_from_its_folder_and_from_us_counts(package, folder, changed):
    before = module.fingerprint(["mine:Mine"], folder)
    text = (folder / changed).read_text()
    (folder / changed).write_text(f"# a comment\n{text}")
    assert module.fingerprint(["mine:Mine"], folder) == before
    (folder / changed).write_text(f"{text}more = 1\n")
    assert module.fingerprint(["mine:Mine"], folder) != before


def test_what_a_class_of_one_s_own_does_not_import_does_not_count(package, folder):
    before = module.fingerprint(["mine:Mine"], folder)
    (folder / "other.py").write_text("a = 2\n")
    (package / "ncc.py").write_text("")
    assert module.fingerprint(["mine:Mine"], folder) == before


def test_a_file_that_is_no_python_counts_as_it_is(package, folder):
    prints = set()
    for text in ("def (", "def )", "x = '\0'"):
        (folder / "net.py").write_text(text)
        prints.add(module.fingerprint(["mine:Mine"], folder))
    assert len(prints) == 3
