"""DMI with a network made for speed: the paper's loss, a diffeomorphic field from a velocity at half resolution."""

from typing import Any

from torch import Tensor, nn

from regbench.methods.learned import LearnedMethod
from regbench.models.fast_unet import FastUNet
from regbench.models.masked import masked_information
from regbench.models.warp import squared_gradient, warp


class DMIFast(LearnedMethod):
    """Minimises -MI(fixed, moving o phi) + smoothness * mean |grad v|^2, v the velocity that phi is the flow of.

    `bins` and `sigma` (bin widths) of the Parzen windows; `widths` and `squarings` as in models/fast_unet.py. `use_mask`: in
    training, MI is of the voxels within both masks. The rest are TrainingSettings.
    """

    def __init__(
        self,
        bins: int,
        sigma: float,
        smoothness: float,
        widths: list[int],
        squarings: int,
        use_mask: bool = False,
        **training: Any,
    ) -> None:
        options = {"bins": bins, "sigma": sigma, "smoothness": smoothness, "use_mask": use_mask}
        super().__init__(options | {"widths": widths, "squarings": squarings}, training)
        self.bins, self.sigma, self.smoothness, self.use_mask = bins, sigma, smoothness, use_mask
        self.widths, self.squarings = tuple(widths), squarings

    def network(self, shape: tuple[int, int, int]) -> nn.Module:
        return FastUNet(self.widths, self.squarings)

    def displacement(self, output: tuple[Tensor, Tensor]) -> Tensor:
        return output[0]

    def loss(
        self, fixed: Tensor, moving: Tensor, output: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        displacement, velocity = output
        warped = warp(moving, displacement)
        information = masked_information(fixed, warped, self.bins, self.sigma).mean()
        gradient = squared_gradient(velocity)
        return self.smoothness * gradient - information, {"information": information, "gradient": gradient}
