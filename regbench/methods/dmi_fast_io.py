"""DMI-fast, then DMI-IO: the network's field is where the optimisation of the pair begins."""

from typing import Any

from torch import Tensor

from regbench.geometry.images import Volume
from regbench.methods.contract import Context
from regbench.methods.dmi_fast import DMIFast
from regbench.methods.dmi_io import DMIInstance


class DMIFastInstance(DMIInstance):
    """DMIInstance from the field of a trained DMIFast on; options are DMIInstance's, the model is DMIFast's."""

    def setup(self, context: Context) -> None:
        super().setup(context)
        self.network = DMIFast.trained(context)

    def for_pair(self, pair: dict[str, Any]) -> None:
        self.network.for_pair(pair)

    def start(self, fixed: Volume, moving: Volume) -> Tensor:
        return self.network.predict(fixed, moving).clone()
