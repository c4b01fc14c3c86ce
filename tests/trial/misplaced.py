"""The field of `regbench new-method --command`, on a grid that is not the fixed image's: misplaced.py FIXED OUT HOW."""

import sys

import nibabel as nib
import numpy as np

fixed, out, how = sys.argv[1:]
image = nib.load(fixed)
affine = {
    "nowhere": np.eye(4),
    "lps": np.diag([-1.0, -1, 1, 1]) @ image.affine,
    "elsewhere": image.affine + np.array([[0, 0, 0, 9.0]] + 3 * [[0, 0, 0, 0]]),
}[how]
field = nib.Nifti1Image(np.zeros((*image.shape[:3], 1, 3), np.float32), affine)
field.header["intent_code"] = 1007
nib.save(field, out)
