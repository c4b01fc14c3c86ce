"""Colours as colour-blind eyes see them: the matrices of Machado, Oliveira and Fernandes (2009), severity 1."""

import numpy as np
from matplotlib.colors import to_rgb
from skimage.color import rgb2lab

EYES = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def seen(colours: list[str], eye: str) -> np.ndarray:
    """(n, 3) CIE Lab of colours as an eye sees them; the matrices act on linear light."""
    rgb = np.array([to_rgb(colour) for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    light = np.clip(linear @ np.array(EYES[eye]).T, 0, 1)
    return rgb2lab(np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)[None])[0]


def least_difference(colours: list[str]) -> float:
    """The smallest distance (Lab, CIE 1976) between any two colours, for the eye that tells them worst."""
    worst = np.inf
    for eye in EYES:
        lab = seen(colours, eye)
        apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
        worst = min(worst, apart[~np.eye(len(lab), dtype=bool)].min())
    return float(worst)
