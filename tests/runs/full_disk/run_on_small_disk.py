"""run_on_small_disk.py FOLDER METHOD: a batch whose results lie on a full disk, then the same with room; JSON of both.

To be run as root of a user and mount namespace of its own: the disk is a tmpfs that ends with it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from regbench.methods.discovery import discover
from tests.runs.tiny import run, run_identity

folder, name = Path(sys.argv[1]), sys.argv[2]
disk = folder / "runs"
field = run_identity(folder / "made")
disk.mkdir()
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", disk], check=True)
method = discover([Path(__file__).parent])[name]
pairs = ["good", "bad", "good1"]


def batch() -> dict:
    raised = None
    try:
        run(folder, method, pairs, options={"field": field, "disk": str(disk)}, seconds=60)
    except OSError as error:
        raised = str(error)
    records = {path.stem: json.loads(path.read_text()) for path in disk.glob("F__*.json")}
    return {"raised": raised, "records": records, "files": sorted(os.listdir(disk))}


full = batch()
(disk / "junk").unlink(missing_ok=True)
(folder / "mended").touch()  # for methods that then leave the disk alone
mended = {} if full["raised"] is None else batch()
json.dump({"full": full, "after": mended}, sys.stdout)
