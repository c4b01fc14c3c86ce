"""A method that finds every shift, from the centres of mass, and gets one thing wrong."""

import hashlib
import threading
import time

import numpy as np

from regbench.geometry.grid import apply_affine

MISTAKES = {
    "none": lambda u, grid: u,
    "inverted": lambda u, grid: -u,
    "ras": lambda u, grid: u * np.array([-1, -1, 1.0]),
    "voxels": lambda u, grid: np.linalg.solve(grid.affine[:3, :3], u),
    "along the grid": lambda u, grid: grid.direction.T @ u,
    "zyx": lambda u, grid: u[::-1],
    "nothing": lambda u, grid: 0 * u,
}


class Wrong:
    def __init__(self, mistake: str) -> None:
        self.mistake = mistake

    def setup(self, context) -> None:
        self.noise = np.random.default_rng()

    def for_pair(self, pair) -> None:
        self.affine = np.array(pair["moving"]["to_original"])

    def register(self, fixed, moving) -> np.ndarray:
        shift = centre(moving) - centre(fixed)
        points = fixed.grid.points()
        if self.mistake == "twice":
            return (apply_affine(self.affine, points + shift.reshape(3, 1, 1, 1)) - points).astype(np.float32)
        if self.mistake == "axes":
            return np.zeros((3, *fixed.data.shape[::-1]), np.float32)
        if self.mistake == "unseeded":
            shift += self.noise.normal(0, 0.1, 3)
        if self.mistake == "restless":
            shift = shift + 1
        if self.mistake == "slow":
            self.kept = np.ones(2**25)  # 256 MB
            time.sleep(2)
        if self.mistake in ("busy", "threads"):
            done: dict[int, float] = {}
            work = [
                threading.Thread(target=compute, args=(done,)) for _ in range(1 + (self.mistake == "threads"))
            ]
            for thread in work:
                thread.start()
            for thread in work:
                thread.join()
        change = MISTAKES.get(self.mistake, MISTAKES["none"])
        u = change(shift, fixed.grid)
        return np.broadcast_to(u[:, None, None, None], points.shape).astype(np.float32)


def compute(done: dict[int, float]) -> None:
    """Half a second of work, shared by all threads that do it, so that they end together; none waits for another."""
    while sum(list(done.values())) < 0.5:
        hashlib.sha256(bytes(2**21))
        done[threading.get_ident()] = time.thread_time()


def centre(volume) -> np.ndarray:
    weight = (volume.data > 0.05).ravel().astype(float)
    return volume.grid.points().reshape(3, -1) @ weight / max(weight.sum(), 1)
