"""What progress and estimates say."""

import pytest

from regbench.progress import duration

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1e-5, "0 s"),
        (40, "40 s"),
        (12 * MINUTE, "12 min"),
        (3.5 * HOUR, "3 h 30 min"),
        (2 * DAY - 1, "2 days 0 h"),
        (4 * DAY + 3.2 * HOUR, "4 days 3 h"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds, said):
    assert duration(seconds) == said
