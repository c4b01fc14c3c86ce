"""Train a method's network and leave a record, whatever happens."""

import os
import traceback
from pathlib import Path
from typing import Any

import torch

from regbench.models.finished import finished, keep
from regbench.models.pairs import Pairs
from regbench.models.parallel import processes
from regbench.models.trainer import OutOfTime, Trainable, Trainer, TrainingFailed
from regbench.provenance import environment
from regbench.records import write_record


def train_model(
    method: Trainable,
    train_pairs: list[dict[str, Any]],
    val_pairs: list[dict[str, Any]],
    *,
    folder: Path,
    seed: int,
    threads: int,
    device: str,
    limit_seconds: float,
    depends: Any = None,
    waited: float | None = None,
) -> dict[str, Any]:
    """Train, or go on training, the network of `method`; write model.pt, curve.csv, tensorboard/ and record.json.

    The pairs are records of the stage `prepared`; those that failed there are left out. `device`: "cpu", "cuda" or "auto".
    `depends`: what else is part of what is trained, as JSON can hold it (runs/keys.py's `own_parts`). `waited`: the caller
    holds the machine's lock and waited so many seconds for it.
    The model kept is the one of least loss on the validation pairs, the untrained one included (the last one where there
    are none). Failure is data: whatever goes wrong ends in the record, which is also returned; only an interrupt is
    raised. Of several processes (models/parallel.py) the first writes the record; one that fails writes why and exits, so
    that the others are ended too. A training that ended well is not done again by the same code, on the same files, with
    the same settings: its record is told from finished.json, which outlives record.json (Snakemake deletes it before a job).
    """
    folder = Path(folder)
    record: dict[str, Any] = {"status": "ok", "message": "", "log_tail": [], "model": None, "curve": None}
    record |= {
        "seconds": 0.0,
        "steps": 0,
        "best_step": None,
        "parameters": None,
        "seed": seed,
        "threads": threads,
    }
    try:
        train, val = _usable(train_pairs), _usable(val_pairs)
        if not train:
            record |= {"status": "skipped", "message": "skipped: upstream: no training pair was prepared"}
        else:
            torch.set_num_threads(threads)
            masks = getattr(method, "use_mask", False)
            val_or_none = Pairs(val, masks) if val else None
            trainer = Trainer(
                method, Pairs(train, masks), val_or_none, folder, seed, _device(device), depends
            )
            record |= {"parameters": trainer.parameters, "device": str(trainer.device)}
            record |= {"processes": trainer.share.world, "threads": threads * trainer.share.world}
            record["key"] = f"{trainer.key} {record['processes']} {record['threads']} {torch.__version__}"
            if done := finished(folder, record["key"]):
                write_record(folder / "record.json", done)
                return done
            try:
                with trainer.share.lock(waited) as seconds:
                    record["waited_seconds"] = seconds
                    record["model"] = str(trainer.run(limit_seconds))
            finally:
                record |= trainer.facts()
    except OutOfTime as error:
        record |= {"status": "timeout", "message": str(error)}
    except (MemoryError, torch.OutOfMemoryError) as error:
        record |= {"status": "oom", "message": str(error) or "out of memory", "log_tail": _tail()}
    except Exception as error:
        record |= {"status": "error", "message": f"{type(error).__name__}: {error}", "log_tail": _tail()}
    record["environment"] = environment()
    failed, parallel = record["status"] in ("error", "oom"), processes() > 1
    first = not parallel or os.environ["RANK"] == "0"
    told = parallel and failed and (folder / "record.json").exists()  # by the process that failed before
    if (first or failed) and not told:
        keep(folder, record)
    if failed and parallel:
        raise SystemExit(1)
    return record


def _usable(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [pair for pair in pairs if pair.get("status", "ok") == "ok"]


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingFailed("device cuda: torch finds no CUDA device here; set `device: cpu` in the study")
    return torch.device(name)


def _tail() -> list[str]:
    return traceback.format_exc().splitlines()[-30:]
