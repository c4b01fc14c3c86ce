"""FireANTs, through its authors' package fireants, in an environment of its own: its pins are not the core's.

This module imports nothing of regbench's that needs more than numpy, nibabel and SimpleITK.
"""

import logging
from typing import Any

import numpy as np
import torch
from fireants.io.image import BatchedImages, Image  # pyright: ignore[reportMissingImports]
from fireants.registration.greedy import GreedyRegistration  # pyright: ignore[reportMissingImports]
from fireants.registration.syn import SyNRegistration  # pyright: ignore[reportMissingImports]
from fireants.utils.globals import MIN_IMG_SIZE  # pyright: ignore[reportMissingImports]

from regbench.geometry.grid import Grid
from regbench.geometry.images import Volume
from regbench.geometry.simpleitk import as_simpleitk
from regbench.methods.contract import Context

ALGORITHMS = {"greedy": GreedyRegistration, "syn": SyNRegistration}


class FireANTs:
    """Riemannian adaptive optimisation of diffeomorphisms: R. Jena, P. Chaudhari and J. C. Gee, 2024.

    `algorithm`: "greedy" or "syn"; the other options are arguments of fireants' GreedyRegistration and SyNRegistration
    (`loss_type` "cc" or "mi", `scales` and `iterations` from coarse to fine, …). Smoothing in voxels.
    """

    def __init__(self, algorithm: str, **options: Any) -> None:
        if algorithm not in ALGORITHMS:
            raise ValueError(f"algorithm={algorithm!r}: expected one of {', '.join(ALGORITHMS)}")
        self.registration, self.options = ALGORITHMS[algorithm], options

    def setup(self, context: Context) -> None:
        torch.set_num_threads(context.threads)
        logging.disable(logging.INFO)
        self.device = context.device

    def register(self, fixed: Volume, moving: Volume) -> np.ndarray:
        """The displacement (3, D, H, W) float32 on the fixed grid, LPS mm."""
        images = [self._image(volume) for volume in (fixed, moving)]
        # A dict of its own, for fireants writes into the one that all its registrations share.
        found = self.registration(
            fixed_images=images[0],
            moving_images=images[1],
            loss_params={},
            progress_bar=False,
            **self.options,
        )
        found.optimize()
        d, h, w = fixed.data.shape
        with torch.no_grad():
            # (k, j, i, 3) of the grid that both images share, from -1 to 1 along its axes i, j, k.
            u = found.get_warp_parameters(*images)["grid"][0, :w, :h, :d]
            to_mm = images[1].get_torch2phy()[0, :3, :3]
            return np.ascontiguousarray((u @ to_mm.T).cpu().numpy().T, np.float32)

    def _image(self, volume: Volume) -> BatchedImages:
        """The image, with background behind it where an axis is shorter than fireants allows."""
        behind = [(0, max(0, MIN_IMG_SIZE - n)) for n in volume.data.shape]
        data = np.pad(volume.data, behind)
        return BatchedImages(
            [Image(as_simpleitk(data, Grid(data.shape, volume.grid.affine)), device=self.device)]
        )
