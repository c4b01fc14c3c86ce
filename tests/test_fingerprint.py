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
