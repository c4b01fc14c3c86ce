"""A benchmark of deformable image registration.

`PIPELINE` is the folder of its Snakefile, `config.yaml` and `workflow`: the repository, or the installed package's part
`pipeline`, whose links are copies there. `SNAKEFILE` is for another project's `module regbench: snakefile: SNAKEFILE`.
"""

from pathlib import Path

SNAKEFILE = (Path(__file__).parent / "pipeline" / "Snakefile").resolve()
PIPELINE = SNAKEFILE.parent
