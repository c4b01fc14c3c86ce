#!/usr/bin/env bash
# Keep what is installed in .venv as the pins of requirements.lock and environment.yml (`make lock` calls it).
set -euo pipefail
cd "$(dirname "$0")/.."
pins=$(.venv/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$//; /^triton==/s/$/; sys_platform == "linux"/')
{
	echo "# Made by 'make lock' from pyproject.toml; 'make install' and environment.yml install exactly this."
	echo "$pins"
} >requirements.lock
{
	echo "# Made by 'make lock'. For people at home in conda, and for snakemake --sdm conda: python + the pins of requirements.lock."
	echo "name: regbench"
	echo "channels:"
	echo "  - conda-forge"
	echo "dependencies:"
	echo "  - python=3.11"
	echo "  - pip"
	echo "  - pip:"
	sed 's/^/      - /' <<<"$pins"
} >environment.yml
