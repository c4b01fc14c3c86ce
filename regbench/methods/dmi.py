"""The paper's method: a network trained on differentiable mutual information, for one modality or two alike."""

from typing import Any

from torch import Tensor, nn

from regbench.methods.learned import LearnedMethod
from regbench.models.masked import masked_information
from regbench.models.unet import UNet
from regbench.models.warp import squared_gradient, warp


class DMI(LearnedMethod):
    """Minimises -MI(fixed, moving o phi) + smoothness * mean |grad u|^2 (the paper's eqs 2, 7 and 8).

    `bins` and `sigma` (bin widths) of the Parzen windows; `smoothness` is the paper's lambda; `encoder`, `decoder` and
    `final` are the widths of models/unet.py. `use_mask`: in training, MI is of the voxels within both masks. The rest are TrainingSettings.
    """

    def __init__(
        self,
        bins: int,
        sigma: float,
        smoothness: float,
        encoder: list[int],
        decoder: list[int],
        final: list[int],
        use_mask: bool = False,
        **training: Any,
    ) -> None:
        options = {"bins": bins, "sigma": sigma, "smoothness": smoothness, "use_mask": use_mask}
        super().__init__(options | {"encoder": encoder, "decoder": decoder, "final": final}, training)
        self.bins, self.sigma, self.smoothness, self.use_mask = bins, sigma, smoothness, use_mask
        self.widths = tuple(encoder), tuple(decoder), tuple(final)

    def network(self, shape: tuple[int, int, int]) -> nn.Module:
        return UNet(*self.widths)

    def loss(self, fixed: Tensor, moving: Tensor, output: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        information = masked_information(fixed, warp(moving, output), self.bins, self.sigma).mean()
        gradient = squared_gradient(output)
        return self.smoothness * gradient - information, {"information": information, "gradient": gradient}
