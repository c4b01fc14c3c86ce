"""Starts the worker, by path, in an environment of a method's own: of all that is installed beside regbench it sees
regbench alone. That environment needs Python 3.11 or later, numpy and nibabel."""

import runpy
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    del sys.path[0]  # this folder, whose modules would hide others of the same names
    spec = spec_from_file_location(
        PACKAGE.name, PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)]
    )
    assert spec
    assert spec.loader
    sys.modules[PACKAGE.name] = package = module_from_spec(spec)
    spec.loader.exec_module(package)
    runpy.run_module(f"{PACKAGE.name}.runs.worker", run_name="__main__")
