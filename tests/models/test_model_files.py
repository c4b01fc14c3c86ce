"""A model file carries what it was trained for, and refuses anything else."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from regbench.geometry.grid import Grid
from regbench.models.files import ModelFacts, load_model, save_model

FACTS = ModelFacts(
    method="package.module:Class",
    options={"bins": 32, "encoder": [4, 8]},
    shape=(8, 9, 10),
    spacing=(3.0, 3.0, 3.0),
    direction=np.eye(3).tolist(),
    contrasts=("T1w", "T2w"),
    seed=7,
)
MODEL = Path("model.pt")


def grid(spacing=3.0, turn=1):
    return Grid((20, 20, 20), np.diag([turn * spacing, turn * spacing, spacing, 1.0]))


def test_weights_and_facts_come_back(tmp_path):
    save_model(tmp_path / "model.pt", {"w": torch.arange(3.0)}, FACTS)
    weights, facts = load_model(tmp_path / "model.pt")
    assert torch.equal(weights["w"], torch.arange(3.0))
    assert facts.options == FACTS.options
    assert tuple(facts.contrasts) == FACTS.contrasts
    assert "low and high" in facts.normalisation


def test_another_shape_is_welcome_and_another_spacing_or_orientation_is_not():
    FACTS.check_grid(grid(), MODEL)
    with pytest.raises(
        ValueError, match=r"model\.pt: trained at a spacing of 3 x 3 x 3 mm, the images have 2 x 2 x 2 mm"
    ):
        FACTS.check_grid(grid(2.0), MODEL)
    with pytest.raises(ValueError, match="another orientation"):
        FACTS.check_grid(grid(turn=-1), MODEL)


def test_other_contrasts_are_refused():
    FACTS.check_contrasts("T1w", "T2w", MODEL)
    with pytest.raises(ValueError, match="trained to align T2w to T1w, the pair is T1w to T2w"):
        FACTS.check_contrasts("T2w", "T1w", MODEL)


class Malicious:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code of a model file was run')",))


@pytest.mark.parametrize("content", [pickle.dumps(Malicious()), b"", b"not a model", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_model_is_refused_and_none_of_it_is_run(tmp_path, content):
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.pt: not a model file"):
        load_model(tmp_path / "model.pt")


def test_code_inside_a_torch_file_is_refused(tmp_path):
    torch.save({"format": 1, "weights": Malicious(), "facts": {}}, tmp_path / "model.pt")
    with pytest.raises(ValueError, match="refused"):
        load_model(tmp_path / "model.pt")


def test_tensors_of_something_else_are_refused(tmp_path):
    torch.save({"weights": {}}, tmp_path / "model.pt")
    with pytest.raises(ValueError, match="train it again"):
        load_model(tmp_path / "model.pt")


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model\.pt: no such model file"):
        load_model(tmp_path / "model.pt")
