"""A field of zeros, in any environment that has nibabel: zero.py FIXED OUT [KEEP], KEEP every so manieth voxel."""

import sys

import nibabel as nib
import numpy as np

fixed, out, *keep = sys.argv[1:]
step = int(keep[0]) if keep else 1
image = nib.load(fixed)
shape = [-(-size // step) for size in image.shape[:3]]
field = nib.Nifti1Image(np.zeros((*shape, 1, 3), np.float32), image.affine)
field.header["intent_code"] = 1007
nib.save(field, out)
