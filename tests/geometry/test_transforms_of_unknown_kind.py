import numpy as np

from regbench.geometry.grid import apply_affine
from regbench.geometry.transforms import read_map

TEXT = """#Insight Transform File V1.0
#Transform 0
Transform: MatrixOffsetTransformBase_double_3_3
Parameters: 0.98 0.1 -0.02 -0.1 0.99 -0.05 0.03 0.06 1.01 -0.5 -1.0 4.0
FixedParameters: 0.4 13.0 -15.0
"""


def test_a_linear_transform_of_a_kind_that_simpleitk_has_no_class_for_is_its_matrix(tmp_path):
    (tmp_path / "affine.txt").write_text(TEXT)
    matrix, centre, shift = (
        np.array([[0.98, 0.1, -0.02], [-0.1, 0.99, -0.05], [0.03, 0.06, 1.01]]),
        np.array([0.4, 13, -15]),
        np.array([-0.5, -1, 4]),
    )
    whole = np.eye(4)
    whole[:3, :3], whole[:3, 3] = matrix, shift + centre - matrix @ centre
    points = np.random.default_rng(0).uniform(-80, 80, (3, 20))
    assert np.allclose(read_map(tmp_path / "affine.txt")(points), apply_affine(whole, points), atol=1e-6)
