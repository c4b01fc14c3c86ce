"""Studies run on several machines, joined into one: `regbench merge`."""
