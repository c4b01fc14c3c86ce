"""One phantom subject from seed to files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regbench.data._maps import brain_points, draw_pose, make_maps
from regbench.data._options import TemplateFiles
from regbench.data._scan import draw_grid, scan
from regbench.data._template import load_template
from regbench.geometry.fields import displace, write_field
from regbench.geometry.images import write_volume

if TYPE_CHECKING:
    from regbench.data.phantom import PhantomOptions


def make_files(
    options: "PhantomOptions",
    template_files: TemplateFiles | None,
    families: Sequence[str],
    seed: int,
    folder: Path,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write a subject's files; returns their paths as in the data record, and what was drawn and measured."""
    template = load_template(template_files)  # pyright: ignore[reportArgumentType] (frozen models hash)
    brain = brain_points(template)
    shape_rng = np.random.default_rng([seed, 101])
    pose = draw_pose(shape_rng, brain.mean(axis=1))
    amplitude = options.amplitude_mm * shape_rng.uniform(0.85, 1.15)
    maps = make_maps(template, families, seed, pose, amplitude, options.field_spacing)
    grid = draw_grid(shape_rng, displace(brain, maps.from_template, maps.from_grid), options.spacing3)
    session = scan(template, maps, grid, [seed, 102], options.noise, options.bias, options.lesions)
    for contrast, image in session.images.items():
        write_volume(folder / f"{contrast}.nii.gz", image, grid)
    write_volume(folder / "labels.nii.gz", session.labels, grid)
    write_volume(folder / "mask.nii.gz", session.mask, grid)
    write_field(folder / "to_template.nii.gz", maps.to_template, maps.to_grid)
    write_field(folder / "from_template.nii.gz", maps.from_template, maps.from_grid)
    files = {
        "images": {contrast: str(folder / f"{contrast}.nii.gz") for contrast in session.images},
        **{
            name: str(folder / f"{name}.nii.gz")
            for name in ("labels", "mask", "to_template", "from_template")
        },
    }
    return files, {"pose": pose, "maps": maps.report, **session.report}
