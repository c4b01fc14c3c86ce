"""Networks side by side at 160 x 192 x 160: registration, training step, memory, and the rate of arithmetic reached.

usage: python benchmarks/network.py [--device cpu|cuda] [--threads 2] [--accuracy [SECONDS]] [--save]

Each measurement is made in a process of its own. A registration is network, integration and warp; a training step is that
with the method's loss, its gradient and Adam. `gflops` counts the convolutions alone; `of_matmul` is their rate while
registering over that of a large matrix product of the same numbers. On a GPU also with convolutions in bfloat16, `searched`
(cuDNN's fastest of all its ways), `contiguous` instead of with channels last, `graphed` (replays of a CUDA graph), and with four
pairs at once (`pairs_per_second`); what regbench does is `float32`, one pair. There TF32 may stand for float32, as torch has it for
convolutions, and what cannot be measured (official VoxelMorph cannot be captured as a graph) is left empty. With `--accuracy`,
the networks are then trained for as many seconds each (120) at 2 mm, three seeds, in the study benchmarks/network.yaml, and
scored: about an hour on two cores. The last line compares dmi_fast with official VoxelMorph: times, and the share of the brain that folds (in the worse of both tasks; NaN
without `--accuracy`). `--save` writes benchmarks/results/network_DEVICE.json.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml
from machine import keep, machine, peak_memory_mb, refuse_failures, reset_peak_memory
from torch.utils.flop_counter import FlopCounterMode

from regbench.methods.contract import load_method
from regbench.methods.discovery import discover
from regbench.models import fast_unet, unet
from regbench.models.warp import warp

ROOT = Path(__file__).resolve().parent.parent
SHAPE = (160, 192, 160)
METHODS = ("voxelmorph", "dmi", "dmi_fast")
FOUND = discover([ROOT / "workflow" / "methods"])
# How, and how many pairs at once; the first is what regbench does.
VARIANTS = {
    "cpu": [("float32", 1)],
    "cuda": [
        ("float32", 1),
        ("float32 searched", 1),
        ("float32 searched contiguous", 1),
        ("bfloat16 searched", 1),
        ("bfloat16 searched contiguous", 1),
        ("bfloat16 searched graphed", 1),
        ("bfloat16 searched", 4),
    ],
}


def main() -> None:
    options = arguments()
    if options.one:
        name, kind, shape, variant, pairs = options.one
        shape = tuple(map(int, shape.split("x")))
        print(json.dumps(MEASURES[kind](name, shape, options.device, variant, int(pairs))))
        return
    variants = VARIANTS[options.device]
    kinds = dict.fromkeys(variant.split()[0] for variant, _ in variants)
    rates = {kind: in_a_process("-", "matmul", options, kind)["gflops_per_second"] for kind in kinds}
    print("matrix product: " + ", ".join(f"{rate:.0f} GFLOP/s in {kind}" for kind, rate in rates.items()))
    rows = [
        network_row(name, *variant, rates[variant[0].split()[0]], options)
        for variant in variants
        for name in METHODS
    ]
    print(pd.DataFrame(rows).to_string(index=False, float_format=lambda x: f"{x:.3g}"), flush=True)
    theirs, ours = (next(row for row in rows if row["method"] == name) for name in ("voxelmorph", "dmi_fast"))
    summary = {
        "forward_speedup": theirs["register_seconds"] / ours["register_seconds"],
        "train_speedup": theirs["train_seconds"] / ours["train_seconds"],
    }
    if options.accuracy:
        trained = accuracy(options)
        print(trained.to_string(index=False, float_format=lambda x: f"{x:.4g}"), flush=True)
        rows += trained.to_dict("records")
        fold = float(trained[trained.method == "dmi_fast"].folding.max())
    else:
        fold = float("nan")
    summary["fold_percent"] = fold
    if options.save:
        where = machine(options.device, options.threads) | {"matmul_gflops_per_second": rates}
        keep(f"network_{options.device}", where, rows, summary)
    print("network: " + " ".join(f"{name}={value:.3g}" for name, value in summary.items()))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--accuracy", type=float, nargs="?", const=120.0, default=0.0, metavar="SECONDS")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.save and not options.accuracy and options.device == "cpu":
        parser.error("--save keeps the whole table: give --accuracy too")
    torch.set_num_threads(options.threads)
    return options


def network_row(
    name: str, variant: str, pairs: int, rate: float, options: argparse.Namespace
) -> dict[str, Any]:
    """Seconds and memory of one method at SHAPE."""
    try:
        register, train = (
            in_a_process(name, kind, options, variant, pairs) for kind in ("register", "train")
        )
    except subprocess.CalledProcessError:  # it has said why
        return {"method": name, "variant": variant, "pairs": pairs}
    reached = register["gflops"] / register["network_seconds"]
    return {
        "method": name,
        "variant": variant,
        "pairs": pairs,
        "parameters": register["parameters"],
        "gflops": register["gflops"],
        "network_seconds": register["network_seconds"],
        "of_matmul": reached / rate,
        "register_seconds": register["seconds"],
        "register_mb": register["memory_mb"],
        "pairs_per_second": pairs / register["seconds"],
        "train_seconds": train["seconds"],
        "train_mb": train["memory_mb"],
    }


def in_a_process(
    name: str,
    kind: str,
    options: argparse.Namespace,
    variant: str = "float32",
    pairs: int = 1,
    shape: tuple[int, ...] = SHAPE,
) -> dict[str, float]:
    """One measurement; what it prints last."""
    command = [sys.executable, __file__, "--device", options.device, "--threads", str(options.threads)]
    command += ["--one", name, kind, "x".join(map(str, shape)), variant, str(pairs)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def matmul(_name: str, _shape: tuple[int, ...], device: str, variant: str, _pairs: int) -> dict[str, float]:
    """GFLOP/s of a product of two large matrices."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
    size = 8192 if device == "cuda" else 4096
    a = torch.rand(size, size, device=device, dtype=getattr(torch, variant))
    return {"gflops_per_second": 2 * size**3 / best(lambda: a @ a, device) / 1e9}


@torch.inference_mode()
def register(name: str, shape: tuple[int, ...], device: str, variant: str, pairs: int) -> dict[str, float]:
    """Seconds, memory and arithmetic of one registration; `network_seconds` without integration and warp."""
    method, network, (fixed, moving) = made(name, shape, device, variant, pairs)
    network.eval()
    with FlopCounterMode(display=False) as counter:
        network(fixed, moving)
    inner = convolutions(name, network)
    before = reset_peak_memory(device)
    work = graphed(lambda: warp(moving, method.displacement(network(fixed, moving))), variant)
    seconds = best(work, device)
    return {
        "seconds": seconds,
        "memory_mb": peak_memory_mb(device) - before,
        "network_seconds": best(graphed(lambda: inner(fixed, moving), variant), device),
        "gflops": counter.get_total_flops() / 1e9,
        "parameters": sum(p.numel() for p in network.parameters()),
    }


def train(name: str, shape: tuple[int, ...], device: str, variant: str, pairs: int) -> dict[str, float]:
    """Seconds and memory of one training step."""
    method, network, (fixed, moving) = made(name, shape, device, variant, pairs)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, capturable="graphed" in variant)

    def step() -> None:
        loss, _ = method.loss(fixed, moving, network(fixed, moving))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    before = reset_peak_memory(device)
    seconds = best(graphed(step, variant), device)
    return {"seconds": seconds, "memory_mb": peak_memory_mb(device) - before}


def graphed(work: Callable[[], Any], variant: str) -> Callable[[], Any]:
    """The work, or where the variant says so a replay of what it has the GPU do, captured after some runs of it."""
    if "graphed" not in variant:
        return work
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def in_bfloat16(network: torch.nn.Module) -> None:
    """Convolutions, and what lies between them, in bfloat16; the last one's field, and all behind it, in float32."""
    for module in network.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.forward = partial(_in_bfloat16, module.forward, module.out_channels == 3)


def _in_bfloat16(
    forward: Callable[[torch.Tensor], torch.Tensor], last: bool, x: torch.Tensor
) -> torch.Tensor:
    with torch.autocast(x.device.type, torch.bfloat16):
        out = forward(x)
    return out.float() if last else out


MEASURES = {"matmul": matmul, "register": register, "train": train}


def made(
    name: str, shape: tuple[int, ...], device: str, variant: str, pairs: int
) -> tuple[Any, torch.nn.Module, torch.Tensor]:
    """A method with the options of its file, its network, and smooth images (2, pairs, 1, D, H, W)."""
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = "searched" in variant
    if "contiguous" in variant:
        unet.LAYOUT = fast_unet.LAYOUT = torch.contiguous_format
    method: Any = load_method(FOUND[name].python or "", FOUND[name].options)
    images = torch.rand(2, pairs, *(max(n // 8, 2) for n in shape))
    images = torch.nn.functional.interpolate(images, size=shape, mode="trilinear")[:, :, None].to(device)
    network = method.network(shape).to(device)
    if "contiguous" in variant:
        network = network.to(memory_format=torch.contiguous_format)
    if "bfloat16" in variant:
        in_bfloat16(network)
    return method, network, images


def convolutions(name: str, network: torch.nn.Module) -> Callable[..., Any]:
    """The part of a network that ends with the velocity or, where there is none, the displacement."""
    if name == "dmi_fast":
        return lambda f, m: network.velocity(torch.cat([f, m], dim=1))
    if name == "voxelmorph":
        return lambda f, m: network.pairwise(m, f, return_field_type="velocity")
    return network


def best(work: Callable[[], Any], device: str, calls: int = 3) -> float:
    """Seconds of the fastest of some calls after a first one, until the device has done them."""
    seconds = []
    for _ in range(calls + 1):
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


def accuracy(options: argparse.Namespace) -> pd.DataFrame:
    """Train each network for the same time, three seeds, and score it: a row for each task, method and seed."""
    study = yaml.safe_load((ROOT / "benchmarks" / "network.yaml").read_text())
    shape = tuple(study["tasks"]["mono"]["grid"]["shape"])
    study["study"] = f"network_{options.device}"
    file = ROOT / "results" / f"{study['study']}_{options.accuracy:g}s.yaml"
    if not file.exists():  # measured once, so that a benchmark that was stopped goes on
        study["device"], study["timing"]["devices"] = options.device, [options.device]
        for name in METHODS:
            step = in_a_process(name, "train", options, shape=shape)["seconds"]
            study["methods"][name] = with_steps(
                study["methods"][name], max(1, round(options.accuracy / step))
            )
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.safe_dump(study))
    command = ["snakemake", "--cores", "all", "--quiet", "rules", "--configfile", str(file)]
    subprocess.run(command, cwd=ROOT, check=True)
    results = ROOT / "results" / study["study"]
    scores = pd.read_csv(results / "scores.csv")
    refuse_failures(scores)
    whole = scores[scores.label.isna()]
    keys = ["task", "method", "repetition"]
    table = whole.pivot_table(index=keys, columns="metric", values="value", sort=False).reset_index()
    table = table[[*keys, "dsc", "error", "folding"]]
    return table.merge(training_times(results), on=keys, how="left")


def with_steps(method: dict[str, Any], steps: int) -> dict[str, Any]:
    """A method's settings in a study, with that many steps in its default variant; nothing is shared with the given."""
    return {**method, "variants": {"default": {**method["variants"]["default"], "steps": steps}}}


def training_times(results: Path) -> pd.DataFrame:
    """Steps and wall seconds of each training of the study."""
    rows = []
    for path in sorted((results / "models").glob("*/*/*/r*/record.json")):
        task, method, _, repetition = path.parts[-5:-1]
        record = json.loads(path.read_text())
        rows.append((task, method, int(repetition.removeprefix("r")), record["steps"], record["seconds"]))
    return pd.DataFrame(rows, columns=["task", "method", "repetition", "steps", "train_seconds"])


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
