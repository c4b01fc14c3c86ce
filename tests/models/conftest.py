"""What tests of the models share."""

import pytest
import torch


@pytest.fixture
def threads():
    """Sets torch's threads; as they were afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
