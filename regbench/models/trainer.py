"""The one training loop: any network, any loss. It knows of a method only `network`, `loss`, `options` and `training`."""

import hashlib
import json
import logging
import math
import time
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from regbench.models.augment import warped_apart
from regbench.models.checkpoint import load_checkpoint, save_checkpoint
from regbench.models.curve import Curve
from regbench.models.files import ModelFacts, save_model
from regbench.models.pairs import Pairs, draw, generator
from regbench.models.parallel import Share, join
from regbench.models.settings import TrainingSettings
from regbench.progress import Progress

LOG_EVERY = 10  # steps between points of the training curve; checkpoints fall on such steps
LOG = logging.getLogger(__name__)
LIBRARIES = ("torch", "neurite", "voxelmorph", "numpy")


class Trainable(Protocol):
    """A method whose network the loop can train."""

    options: dict[str, Any]  # as given to its class, plain values
    training: TrainingSettings

    def network(self, shape: tuple[int, int, int]) -> nn.Module:
        """A new network for images of that shape, called as network(fixed, moving)."""
        ...

    def loss(self, fixed: Tensor, moving: Tensor, output: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """What is minimised (a scalar), and its terms by name, from images (B, 1, D, H, W) and the network's output.

        Of a method with `use_mask` the images have their masks as a second channel, which its network does not see.
        """
        ...


class TrainingFailed(Exception):
    """Training cannot go on; the message says why and what to do."""


class OutOfTime(Exception):
    """The time limit came before the last step."""


class Trainer:
    """One training: the network, its state, and the steps that change them."""

    def __init__(
        self,
        method: Trainable,
        train: Pairs,
        val: Pairs | None,
        folder: Path,
        seed: int,
        device: torch.device,
        depends: Any = None,
    ) -> None:
        self.method, self.settings = method, method.training
        self.train, self.val = train, val
        self.folder, self.seed, self.device = folder, seed, device
        self.depends = depends
        self.total = self.settings.total(len(train))
        self.share: Share = join(device)
        if self.settings.batch % self.share.world:
            raise TrainingFailed(
                f"batch={self.settings.batch} cannot be divided among {self.share.world} processes; choose a multiple"
            )
        torch.manual_seed(seed)
        self.network = method.network(train.grid.shape).to(device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=self.settings.learning_rate)
        self.key = self._key()
        self.state = load_checkpoint(self.checkpoint, self.key)
        if self.state.step:
            self.network.load_state_dict(self.state.network)
            self.optimizer.load_state_dict(self.state.optimizer)
        self.parallel = self.share.network(self.network)

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self.network.parameters())

    def facts(self) -> dict[str, Any]:
        """How far it came, for the record."""
        state = self.state
        curve = str(self.folder / "curve.csv") if state.rows else None
        return {"steps": state.step, "seconds": state.seconds, "best_step": state.best_step, "curve": curve}

    def run(self, limit_seconds: float) -> Path:
        """Take the steps that are left and write the best network. Returns the model's path.

        Raises OutOfTime at the limit (the checkpoint stays, a higher limit goes on), TrainingFailed on a loss of NaN.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        curve = Curve(self.folder, self.state.rows, kept=self.share.first)
        try:
            self._steps(curve, limit_seconds)
        finally:
            curve.close()
        if not self.share.first:
            return self.folder / "model.pt"
        if self.state.best_step == 0:
            LOG.warning(
                "%s: no step was better on the validation pairs than the untrained network, which is therefore kept: "
                "lower the learning rate, raise the smoothness or train longer",
                self.folder,
            )
        weights = {name: value.detach().cpu() for name, value in self.state.best_network.items()}
        save_model(self.folder / "model.pt", weights, self._model_facts())
        self.checkpoint.unlink(missing_ok=True)
        return self.folder / "model.pt"

    def _steps(self, curve: Curve, limit_seconds: float) -> None:
        state, start = self.state, time.monotonic() - self.state.seconds
        saved = time.monotonic()
        first = state.step
        progress = Progress(f"training {self.folder}", self.total - first, "step")
        sums: dict[str, Tensor] = {}
        if first == 0:
            self._keep_best(curve)
        while state.step < self.total:
            for name, value in self._step(state.step).items():
                sums[name] = sums.get(name, 0.0) + value
            state.step += 1
            last = state.step == self.total
            if state.step % LOG_EVERY == 0 or last:
                loss = self._log(curve, sums, (state.step - 1) % LOG_EVERY + 1)
                sums = {}
                progress.step(state.step - first, f"loss {loss:.4f}")
            if state.step % self.settings.validate_every == 0 or last:
                self._keep_best(curve)
            # Behind the losses that were just brought to the CPU, so that a device has done all that is counted.
            state.seconds = time.monotonic() - start
            ask = self.share.world == 1 or state.step % LOG_EVERY == 0  # all processes stop at the same step
            if ask and not last and self._sum({"late": float(state.seconds > limit_seconds)})["late"]:
                self._save(curve)
                raise OutOfTime(
                    f"time limit of {limit_seconds:g} s reached at step {state.step} of {self.total}"
                )
            if state.step % LOG_EVERY == 0 and time.monotonic() - saved > self.settings.checkpoint_seconds:
                self._save(curve)
                saved = time.monotonic()

    def _step(self, step: int) -> dict[str, Tensor]:
        """One step of Adam; the loss and its terms, not yet brought to the CPU."""
        settings = self.settings
        torch.manual_seed(self.seed + step)  # so that a network with random parts resumes exactly too
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * rate(step, self.total, settings)
        items, mirrored = draw(self.seed, step, len(self.train), settings.batch, settings.flip)
        fixed, moving = self.train.batch(self.share.of(items), self.share.of(mirrored), self.device)
        fixed, moving = warped_apart(
            fixed, moving, settings.warp_voxels, generator(self.seed, step, 2), self.share
        )
        self.network.train()
        loss, parts = self.method.loss(fixed, moving, self.parallel(fixed[:, :1], moving[:, :1]))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip_norm)
        self.optimizer.step()
        return {"loss": loss.detach()} | {name: part.detach() for name, part in parts.items()}

    def _log(self, curve: Curve, sums: dict[str, Tensor], steps: int) -> float:
        totals = self._sum({name: float(value) for name, value in sums.items()})
        values = {name: value / steps / self.share.world for name, value in totals.items()}
        if not math.isfinite(values["loss"]):
            raise TrainingFailed(
                f"the loss is {values['loss']} in the {steps} steps before step {self.state.step}: lower the learning rate "
                f"({self.settings.learning_rate:g}) or raise the smoothness"
            )
        curve.add(self.state.step, "train", values)
        return values["loss"]

    def _keep_best(self, curve: Curve) -> None:
        """Validate, and keep a copy of the network if it is the best so far, also before the first step.

        Without validation pairs the last is best.
        """
        state, loss = self.state, -float(self.state.step)
        if self.val is not None:
            values = self._validate(self.val)
            curve.add(state.step, "val", values)
            loss = values["loss"]
            if not math.isfinite(loss):
                todo = "lower the learning rate" if state.step else "look at the validation pairs' images"
                raise TrainingFailed(f"the validation loss is {loss} at step {state.step}; {todo}")
        if loss < state.best_loss:
            state.best_loss, state.best_step = loss, state.step
            state.best_network = {name: value.clone() for name, value in self.network.state_dict().items()}
        curve.write()

    @torch.no_grad()
    def _validate(self, pairs: Pairs) -> dict[str, float]:
        """Mean loss and terms over all validation pairs."""
        self.network.eval()
        sums: dict[str, float] = {}
        for item, counts in self.share.turns(len(pairs)):
            fixed, moving = pairs.batch([item], [[]], self.device)
            loss, parts = self.method.loss(fixed, moving, self.network(fixed[:, :1], moving[:, :1]))
            for name, value in ({"loss": loss} | parts).items():
                sums[name] = sums.get(name, 0.0) + counts * float(value)
        return {name: value / len(pairs) for name, value in self._sum(sums).items()}

    def _sum(self, values: dict[str, float]) -> dict[str, float]:
        return self.share.summed(values, self.device)

    def _save(self, curve: Curve) -> None:
        if not self.share.first:
            return
        self.state.network, self.state.optimizer = self.network.state_dict(), self.optimizer.state_dict()
        save_checkpoint(self.checkpoint, self.key, self.state)
        curve.write()

    def _key(self) -> str:
        """Hash of what is trained, on what, by which code; a checkpoint of anything else is not resumed."""
        from regbench.fingerprint import fingerprint

        parts = [
            self._name(),
            self.method.options,
            self.seed,
            self.device.type,
            fingerprint([type(self.method).__module__, __name__]),
            self.depends,
        ]
        parts += [
            [pairs.files(), [r["pair"] for r in pairs.records]] for pairs in (self.train, self.val) if pairs
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()

    def _name(self) -> str:
        return f"{type(self.method).__module__}:{type(self.method).__name__}"

    def _model_facts(self) -> ModelFacts:
        grid = self.train.grid
        return ModelFacts(
            method=self._name(),
            options=self.method.options,
            shape=grid.shape,
            spacing=(float(grid.spacing[0]), float(grid.spacing[1]), float(grid.spacing[2])),
            direction=grid.direction.tolist(),
            contrasts=self.train.contrasts,
            seed=self.seed,
            versions={name: metadata.version(name) for name in LIBRARIES},
        )


def rate(step: int, total: int, settings: TrainingSettings) -> float:
    """The learning rate at a step (from 0), as a share of the set one."""
    rise = min(1.0, (step + 1) / (settings.warmup * total + 1))
    return rise if settings.schedule == "constant" else rise * 0.5 * (1 + math.cos(math.pi * step / total))
