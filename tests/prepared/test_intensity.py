import numpy as np
import pytest

from regbench.geometry.grid import Grid
from regbench.geometry.images import Volume
from regbench.prepared.intensity import n4, normalise, percentile_range


def test_range_is_taken_inside_the_mask():
    data = np.arange(1000.0).reshape(10, 10, 10)
    mask = data >= 900
    found = percentile_range(data, mask, (0, 100))
    assert found == {"low": 900, "high": 999}
    assert normalise(np.array([800, 900, 949.5, 2000]), found).tolist() == [0, 0, 0.5, 1]


def test_constant_image_is_refused():
    with pytest.raises(ValueError, match="constant"):
        percentile_range(np.ones((4, 4, 4)), None, (0.5, 99.5))


def test_n4_takes_most_of_a_smooth_bias_out():
    index = np.indices((48, 48, 48)) / 47
    mask = np.linalg.norm(index - 0.5, axis=0) < 0.45
    tissue = np.where(index[0] + 0.3 * np.sin(20 * index[1]) > 0.5, 100.0, 60.0) * mask
    bias = np.exp(0.5 * index[2] - 0.3 * index[1] ** 2)
    corrected = n4(
        Volume((tissue * bias).astype(np.float32), Grid((48, 48, 48), np.diag([4, 4, 4, 1])), mask)
    )
    white = mask & (tissue == 100)
    assert corrected[white].std() / corrected[white].mean() < 0.4 * bias[white].std() / bias[white].mean()
