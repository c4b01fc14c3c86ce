"""usage: no_packages.py FIXED OUT: a displacement of 2, 0, 0 mm everywhere, with the standard library alone (NIfTI-1)."""

import gzip
import struct
import sys
from importlib.util import find_spec

with gzip.open(sys.argv[1]) as file:
    header = bytearray(file.read(348))
shape = struct.unpack_from("<8h", header, 40)[1:4]
struct.pack_into("<8h", header, 40, 5, *shape, 1, 3, 1, 1)
struct.pack_into("<hhh", header, 68, 1007, 16, 32)  # intent: vectors; float32
struct.pack_into("<fff", header, 108, 352.0, 1.0, 0.0)
count = shape[0] * shape[1] * shape[2]
with gzip.open(sys.argv[2], "wb") as file:
    file.write(bytes(header) + bytes(4) + struct.pack(f"<{count}f", *[2.0] * count) + bytes(8 * count))
print(sys.prefix, [name for name in ("numpy", "regbench") if find_spec(name)])
