"""A registration tool as others write them: no deformation, on the grid of the fixed image."""

import sys

import nibabel as nib
import numpy as np

fixed, moving, out = sys.argv[1:]
image = nib.load(fixed)
assert nib.load(moving).shape
field = nib.Nifti1Image(np.zeros((*image.shape, 1, 3), np.float32), image.affine)
field.header["intent_code"] = 1007
nib.save(field, out)
