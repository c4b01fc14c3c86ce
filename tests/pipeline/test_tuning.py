"""`snakemake tune` sees no test subject; then tables have rows of the default and of what was chosen."""

import json
import re

import pandas as pd
import pytest

from tests.pipeline.conftest import Pipeline, smoke_study

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1800)]

QUICK = """TUNING = [
    {"fluid": 0.5},
]
use rule run as quick with:
    wildcard_constraints:
        method="quick",
    params:
        label="Quick",
        python="regbench.methods.dmi_io:DMIInstance",
        options={
            "levels": [[4, 4, "global", 1.5]], "bins": 16, "sigma": 1.0, "radius": 2, "step": 1.0, "fluid": 1.0,
            "epsilon": 0.2, "remap": 10,
        },
"""


@pytest.fixture(scope="module")
def tuned(tmp_path_factory) -> Pipeline:
    """A learned method and one of a folder of its own, each with one setting besides its default, after `tune`."""
    folder = tmp_path_factory.mktemp("tuned")
    (folder / "methods").mkdir()
    (folder / "methods" / "quick.smk").write_text(QUICK)
    study = smoke_study()
    study |= {"study": "tuned", "method_folders": [str(folder / "methods")], "tuning": {"settings": 1}}
    study["datasets"]["phantom"]["subjects"] = {"train": 1, "val": 1, "test": 1}
    within = {"pairing": "within", "methods": ["dmi_fast", "quick"]}
    study["tasks"] = {"multi": {**study["tasks"]["multi"], **within}}
    study["methods"] = {"dmi_fast": {"variants": {"default": {"steps": 3, "epochs": None}}}}
    study["timing"] = {"devices": []}
    pipeline = Pipeline(folder, study)
    pipeline.snakemake("tune")
    return pipeline


def planned_files(pipeline: Pipeline) -> set[str]:
    """METHOD/VARIANT/… of all runs and models that a dry run would make."""
    return set(
        re.findall(
            r"output: \S+/(?:runs|models)/multi/(\S+?)/(?:batch|record)\.json", pipeline.snakemake("-n")
        )
    )


def test_tuning_and_training_read_no_test_subject(tuned):
    trained = {path.parts[-3] for path in tuned.results.glob("models/multi/dmi_fast/*/r0/record.json")}
    assert trained == {"default", "setting1"}
    made = [str(path.relative_to(tuned.results)) for path in tuned.results.rglob("*") if path.is_file()]
    for split in ("train", "val"):
        for folder in ("data/phantom", "prepared/multi/subjects"):
            assert f"{folder}/{split}01.json" in made
    assert not [path for path in made if "test" in path]


def test_plain_snakemake_then_has_rows_of_both_and_nothing_more_to_do(tuned):
    before = {path: path.read_text() for path in tuned.results.glob("tuning/**/*.*")}
    assert {path.name for path in before} >= {"quick.json", "quick.csv", "quick.options.json", "tuning.md"}
    tuned.snakemake()
    assert {path: path.read_text() for path in before} == before
    scores = pd.read_csv(tuned.results / "scores.csv")
    rows = {f"{method}/{variant}" for method, variant in zip(scores.method, scores.variant, strict=True)}
    assert rows == {"quick/default", "quick/tuned", "dmi_fast/default", "dmi_fast/tuned"}
    assert {name[:4] for name in (*scores.fixed, *scores.moving)} == {"test"}
    table = (tuned.results / "tables" / "table2.md").read_text()
    assert "Quick (default)" in table
    assert "Quick (tuned)" in table
    assert "Rows `tuned`, task multi: the best of" in table
    assert "Nothing to be done" in tuned.snakemake()
    chosen = json.loads((tuned.results / "tuning/multi/quick.json").read_text())
    assert chosen["criterion"] == "error"
    means = [setting["means"]["error"] for setting in chosen["settings"]]
    assert chosen["chosen"] == means.index(min(means))
    runs = tuned.results / "runs/multi/quick"
    fields = [(runs / v / "r0_b0/test01__test01.nii.gz").read_bytes() for v in ("default", "tuned")]
    assert chosen["chosen"] == 1  # less smoothing of so few steps
    assert fields[0] != fields[1]


def test_what_was_chosen_reruns_when_another_is_and_not_when_it_is_written_again(tuned):
    options = tuned.results / "tuning/multi/dmi_fast.options.json"
    text = options.read_text()
    options.write_text(text)
    assert planned_files(tuned) == set()
    options.write_text('{"options": {"smoothness": 0.2}}')
    assert planned_files(tuned) == {"dmi_fast/tuned/r0", "dmi_fast/tuned/r0_b0"}
    options.write_text(text)


def test_a_setting_more_reruns_no_default_row(tuned):
    path = tuned.folder / "methods" / "quick.smk"
    path.write_text(QUICK.replace("TUNING = [", 'TUNING = [\n    {"step": 0.5},'))
    assert planned_files(tuned) == {"quick/setting1/r0_val", "quick/tuned/r0_b0"}
    path.write_text(QUICK)
