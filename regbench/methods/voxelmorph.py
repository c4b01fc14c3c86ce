"""VoxelMorph with the official package's network and losses, trained by us: the paper's baseline for one modality."""

from collections.abc import Sequence
from typing import Any

import neurite as ne
import voxelmorph as vxm
from torch import Tensor, nn
from torch.nn import functional as F

from regbench.methods.learned import LearnedMethod
from regbench.models.mutual_information import mutual_information


class PairwiseNetwork(nn.Module):
    """The official VxmPairwise, called as the training loop calls a network, on images of any size."""

    def __init__(
        self, features: Sequence[int], leak: float, integration_steps: int, flow_initializer: float
    ) -> None:
        super().__init__()
        self.multiple = 2 ** len(features)
        self.pairwise = vxm.nn.models.VxmPairwise(
            ndim=3,
            source_channels=1,
            target_channels=1,
            nb_features=list(features),
            activations=nn.LeakyReLU(leak),
            integration_steps=integration_steps,
            flow_initializer=flow_initializer,
        )
        # He's initialisation, as in VoxelMorph's first releases: with torch's default training lingers at the identity.
        for module in self.pairwise.model.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, a=leak, nonlinearity="leaky_relu")
                nn.init.zeros_(module.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, fixed: Tensor, moving: Tensor) -> tuple[Tensor, Tensor]:
        """Displacement and velocity (B, 3, D, H, W) in voxels, pull-back; images are padded with background inside."""
        shape = fixed.shape[2:]
        behind = [-size % self.multiple for size in shape]
        source, target = (F.pad(x, [0, behind[2], 0, behind[1], 0, behind[0]]) for x in (moving, fixed))
        velocity = self.pairwise(source, target, return_field_type="velocity")
        velocity = velocity[..., : shape[0], : shape[1], : shape[2]]
        if not self.pairwise.integration_steps:
            return velocity, velocity
        return self.pairwise.velocity_field_integrator(velocity), velocity


class _Official(LearnedMethod):
    """Minimises -similarity(fixed, moving o phi) + smoothness * mean |grad v|^2 with the official network.

    The smoothness term is on the velocity, or on the displacement where there is no integration.
    """

    name: str  # of the similarity, in the training curve

    def __init__(
        self,
        features: list[int],
        leak: float,
        integration_steps: int,
        flow_initializer: float,
        smoothness: float,
        similarity: dict[str, Any],
        training: dict[str, Any],
    ) -> None:
        self.architecture = {
            "features": features,
            "leak": leak,
            "integration_steps": integration_steps,
            "flow_initializer": flow_initializer,
        }
        super().__init__(self.architecture | similarity | {"smoothness": smoothness}, training)
        self.smoothness = smoothness
        self.gradient = ne.nn.modules.SpatialGradient("l2")
        self.transformer = vxm.nn.modules.SpatialTransformer()

    def network(self, shape: tuple[int, int, int]) -> nn.Module:
        return PairwiseNetwork(**self.architecture)

    def displacement(self, output: tuple[Tensor, Tensor]) -> Tensor:
        return output[0]

    def loss(
        self, fixed: Tensor, moving: Tensor, output: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        displacement, velocity = output
        similarity = self.similarity(fixed, self.transformer(moving, displacement))
        gradient = self.gradient(velocity)
        return self.smoothness * gradient - similarity, {self.name: similarity, "gradient": gradient}

    def similarity(self, fixed: Tensor, warped: Tensor) -> Tensor:
        raise NotImplementedError


class VoxelMorph(_Official):
    """With the squared local correlation (NCC), the package's own (Balakrishnan et al., IEEE TMI 38(8), 2019).

    `features` (0 at first: no convolution at full resolution), `leak` (slope of LeakyReLU below zero),
    `integration_steps` and `flow_initializer` are the network's; `window`: voxels of the local correlation. The rest are
    TrainingSettings.
    """

    name = "correlation"

    def __init__(
        self,
        features: list[int],
        leak: float,
        integration_steps: int,
        flow_initializer: float,
        window: int,
        smoothness: float,
        **training: Any,
    ) -> None:
        super().__init__(
            features, leak, integration_steps, flow_initializer, smoothness, {"window": window}, training
        )
        self.correlation = ne.nn.modules.NCC(window_size=window)

    def similarity(self, fixed: Tensor, warped: Tensor) -> Tensor:
        return self.correlation(fixed, warped).mean()


class VoxelMorphMI(_Official):
    """With the differentiable mutual information that DMI is trained on: what is left between the two is the network.

    `bins` and `sigma` as DMI's, the other options as VoxelMorph's.
    """

    name = "information"

    def __init__(
        self,
        features: list[int],
        leak: float,
        integration_steps: int,
        flow_initializer: float,
        bins: int,
        sigma: float,
        smoothness: float,
        **training: Any,
    ) -> None:
        similarity = {"bins": bins, "sigma": sigma}
        super().__init__(
            features, leak, integration_steps, flow_initializer, smoothness, similarity, training
        )
        self.bins, self.sigma = bins, sigma

    def similarity(self, fixed: Tensor, warped: Tensor) -> Tensor:
        return mutual_information(fixed, warped, bins=self.bins, sigma=self.sigma).mean()
