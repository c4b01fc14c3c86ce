import json

import numpy as np
import pytest

from regbench.geometry.fields import displacement, read_field, write_field
from regbench.geometry.grid import apply_affine, centred_grid
from regbench.geometry.images import read_volume
from regbench.prepared.pair import prepare_pairs
from regbench.prepared.subject import prepare_subject
from regbench.prepared.truth import true_field, true_maps
from tests.prepared.phantoms import task_with, transform_of, write_head
from tests.prepared.test_subject import labels_through

ROOMY = centred_grid((30, 30, 30), (8, 8, 8), np.zeros(3))


def overlap(pair):
    fixed, moving = labels_through(pair["fixed"]), labels_through(pair["moving"])
    return 2 * ((fixed == moving) & (fixed > 0)).sum() / ((fixed > 0).sum() + (moving > 0).sum())


def prepare(task, data, pairs, folder, truth=False):
    subjects = {
        d["subject"]: prepare_subject(d, task, None, folder / "out" / f"{d['subject']}.json") for d in data
    }
    sources = {d["subject"]: d for d in data}
    return prepare_pairs(
        pairs, subjects, sources, task, folder / "out" / "pairs" / "test_b0.json", truth=truth
    )["pairs"]


def test_pairwise_moving_side_lies_on_the_fixed_grid_and_is_aligned(tmp_path):
    far = transform_of((30, -20, 15), (1.05, 1, 0.96), (60, 10, -40))
    data = [write_head(tmp_path, "a"), write_head(tmp_path, "b", far, flips=(-1, 1, 1))]
    (pair,) = prepare(task_with("pairwise", moving="T2w"), data, [("a", "b")], tmp_path)
    assert (pair["pair"], pair["status"], pair["truth"]) == ("a__b", "ok", None)
    assert pair["moving"]["contrast"] == "T2w"
    assert pair["moving"]["image"].endswith("a__b_moving.nii.gz")
    assert read_volume(pair["moving"]["image"]).grid.same_as(read_volume(pair["fixed"]["image"]).grid)
    assert overlap(pair) > 0.9


def test_without_alignment_the_headers_are_taken_as_they_are(tmp_path):
    data = [write_head(tmp_path, "a"), write_head(tmp_path, "b", offset=(8, -6, 4), angles=(9, 0, 0))]
    (pair,) = prepare(task_with("none"), data, [("a", "b")], tmp_path)
    assert pair["moving"]["to_original"] == np.eye(4).tolist()
    assert overlap(pair) > 0.9


def test_pair_with_a_failed_subject_is_skipped_and_the_others_are_made(tmp_path):
    data = [write_head(tmp_path, name) for name in ("a", "b", "c")]
    (tmp_path / "c_T1w.nii.gz").write_bytes(b"")
    pairs = prepare(task_with("none"), data, [("a", "c"), ("c", "a"), ("a", "b")], tmp_path)
    assert [pair["status"] for pair in pairs] == ["skipped", "skipped", "ok"]
    assert pairs[0]["message"].startswith("upstream: c: error")
    assert json.loads((tmp_path / "out" / "pairs" / "test_b0.json").read_text())["pairs"] == pairs


def with_maps(data, to_template, folder):
    """Give a data record affine maps to and from the template, as fields."""
    for key, matrix in {"to_template": to_template, "from_template": np.linalg.inv(to_template)}.items():
        path = folder / f"{data['subject']}_{key}.nii.gz"
        write_field(path, displacement(apply_affine(matrix, ROOMY.points()), ROOMY), ROOMY)
        data[key] = str(path)
    return data


def test_truth_of_a_pair_is_the_composition_of_its_maps(tmp_path):
    to_a, to_b = (
        transform_of((4, 0, 3), (1.05, 1, 0.97), (2, -1, 3)),
        transform_of((0, -5, 2), shift=(-3, 2, 1)),
    )
    data = [
        with_maps(write_head(tmp_path, "a"), to_a, tmp_path),
        with_maps(write_head(tmp_path, "b"), to_b, tmp_path),
    ]
    pairs = prepare(task_with("pairwise"), data, [("a", "b"), ("b", "a")], tmp_path, truth=True)
    for pair, (first, second) in zip(pairs, [(to_a, to_b), (to_b, to_a)], strict=True):
        u, grid = read_field(pair["truth"])
        matrix = np.linalg.inv(np.array(pair["moving"]["to_original"])) @ np.linalg.inv(second) @ first
        assert grid.same_as(read_volume(pair["fixed"]["image"]).grid)
        assert np.abs(u - displacement(apply_affine(matrix, grid.points()), grid)).max() < 1e-3


@pytest.mark.parametrize("maps", [[], ["to", "from"]])
def test_truth_takes_the_affine_out_on_both_sides(maps):
    grid = centred_grid((10, 11, 12), (3, 3, 3), np.array([4.0, 5, 6]))
    fixed_affine, moving_affine = (
        transform_of((10, 0, 5), shift=(4, 0, 0)),
        transform_of((0, 20, 0), (1.1, 1, 1)),
    )
    to_f, from_m = transform_of((3, 0, 0), shift=(1, 2, 3)), transform_of((0, 0, 6), (1, 0.9, 1))
    fields = {
        name: (displacement(apply_affine(matrix, ROOMY.points()), ROOMY), ROOMY)
        for name, matrix in {"to": to_f, "from": from_m}.items()
    }
    u = true_field(maps, grid, fixed_affine, moving_affine, read=fields.__getitem__)
    anatomy = from_m @ to_f if maps else np.eye(4)
    expected = apply_affine(np.linalg.inv(moving_affine) @ anatomy @ fixed_affine, grid.points())
    assert np.abs(u - (expected - grid.points())).max() < 1e-3


def test_truth_is_left_out_where_it_is_not_asked_for_or_not_known(tmp_path):
    still = transform_of()
    data = [with_maps(write_head(tmp_path, "a"), still, tmp_path), write_head(tmp_path, "b")]
    unknown = prepare(task_with("none"), data, [("a", "b")], tmp_path, truth=True)
    data[1] = with_maps(data[1], still, tmp_path)
    unasked = prepare(task_with("none"), data, [("a", "b")], tmp_path, truth=False)
    assert [pair["truth"] for pair in unknown + unasked] == [None, None]


PHANTOM = {"to_template": "to", "from_template": "from"}
WARPED = {"truth": {"T2w": "warp"}}


@pytest.mark.parametrize(
    ("fixed", "moving", "contrasts", "expected"),
    [
        ({"subject": "a"} | PHANTOM, {"subject": "b"} | PHANTOM, ("T1w", "T2w"), ["to", "from"]),
        ({"subject": "a"} | PHANTOM, {"subject": "b"}, ("T1w", "T2w"), None),
        ({"subject": "a"} | PHANTOM, {"subject": "a"} | PHANTOM, ("T1w", "T2w"), []),
        ({"subject": "a"} | WARPED, {"subject": "a"} | WARPED, ("T1w", "T2w"), ["warp"]),
        ({"subject": "a"} | WARPED, {"subject": "a"} | WARPED, ("T1w", "FLAIR"), []),
        ({"subject": "a"} | WARPED, {"subject": "a"} | WARPED, ("T2w", "T1w"), None),
        ({"subject": "a"} | WARPED, {"subject": "b"} | WARPED, ("T1w", "T2w"), None),
        ({"subject": "a"}, {"subject": "a"}, ("T1w", "T2w"), None),
    ],
)
def test_the_maps_of_a_true_field_are_those_between_its_two_images(fixed, moving, contrasts, expected):
    assert true_maps(fixed, moving, *contrasts) == expected


def test_a_warped_contrast_of_a_subject_has_its_warp_as_the_truth(tmp_path):
    data = write_head(tmp_path, "a")
    grid = read_volume(data["images"]["T2w"]).grid
    shift = np.broadcast_to(np.array([2.0, -1, 3]).reshape(3, 1, 1, 1), (3, *grid.shape))
    write_field(tmp_path / "warp.nii.gz", shift, grid)
    data["truth"] = {"T2w": str(tmp_path / "warp.nii.gz")}
    task = task_with("none", moving="T2w", pairing="within")
    (pair,) = prepare(task, [data], [("a", "a")], tmp_path, truth=True)
    u, _ = read_field(pair["truth"])
    assert np.allclose(u[:, 8:-8, 8:-8, 8:-8], shift[:, :1, :1, :1], atol=1e-3)
