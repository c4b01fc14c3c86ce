"""What all learned methods share: options, the model file, and registration with a trained network."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from regbench.geometry.fields import voxels_to_mm
from regbench.geometry.images import Volume
from regbench.methods.contract import Context
from regbench.models.files import ModelFacts, load_model
from regbench.models.settings import TrainingSettings


class LearnedMethod:
    """A subclass adds `network(shape)` and `loss(fixed, moving, output)`, which the training loop calls (models/training.py).

    `training` takes the options of TrainingSettings; `options` is all that the subclass was made with.
    """

    def __init__(self, options: dict[str, Any], training: dict[str, Any]) -> None:
        self.options = options | training
        self.training = TrainingSettings(**training)

    def network(self, shape: tuple[int, int, int]) -> nn.Module:
        raise NotImplementedError

    def loss(self, fixed: Tensor, moving: Tensor, output: Any) -> tuple[Tensor, dict[str, Tensor]]:
        raise NotImplementedError

    def displacement(self, output: Any) -> Tensor:
        """The displacement (B, 3, D, H, W) in voxels among what the network gives."""
        return output

    def setup(self, context: Context) -> None:
        """Read the model's file and move the network to the device.

        Raises FileNotFoundError or ValueError that names the file: none given, not a model, or another method's.
        """
        trained = self.trained(context)  # the network that was trained, whatever this object's options are
        self.device, self.facts, self.source = trained.device, trained.facts, trained.source
        self._network = trained._network

    @classmethod
    def trained(cls, context: Context) -> Self:
        """Set up with the model that `context` names, made with its options; raises as `setup` does."""
        weights, facts, source = cls._model(context)
        torch.set_num_threads(context.threads)
        made = cls(**facts.options)
        made.device, made.facts, made.source = torch.device(context.device), facts, source
        made._network = made.network(facts.shape).to(made.device).eval()
        try:
            made._network.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(f"{source}: weights do not fit the network; train again ({error})") from error
        return made

    @classmethod
    def _model(cls, context: Context) -> tuple[dict[str, Tensor], ModelFacts, Path]:
        name = f"{cls.__module__}:{cls.__name__}"
        if context.model is None:
            raise ValueError(
                f"{name}: needs a trained model; give its model.pt, or train one (the stage `models`)"
            )
        weights, facts = load_model(context.model)
        if facts.method != name:
            raise ValueError(f"{context.model}: a model of {facts.method}, not of {name}")
        return weights, facts, context.model

    def for_pair(self, pair: dict[str, Any]) -> None:
        """Refuse a pair of other contrasts than the model's (ValueError)."""
        self.facts.check_contrasts(pair["fixed"]["contrast"], pair["moving"]["contrast"], self.source)

    def register(self, fixed: Volume, moving: Volume) -> np.ndarray:
        """Displacement (3, D, H, W) float32 on the fixed grid, LPS mm; ValueError on a grid the model does not know."""
        u = self.predict(fixed, moving)
        return np.asarray(voxels_to_mm(u.cpu().numpy(), fixed.grid), np.float32)

    @torch.inference_mode()
    def predict(self, fixed: Volume, moving: Volume) -> Tensor:
        """`register`'s displacement (3, D, H, W) in voxels, on the device."""
        self.facts.check_grid(fixed.grid, self.source)
        images = [torch.from_numpy(v.data)[None, None].float().to(self.device) for v in (fixed, moving)]
        return self.displacement(self._network(*images))[0]
