# In a venv of its own, which `make fireants` makes.

TUNING = [
    {"smooth_warp_sigma": 0.25},
    {"smooth_warp_sigma": 1.0},
    {"optimizer_lr": 0.25},
    {"smooth_grad_sigma": 1},
]


use rule run as fireants_mi with:
    wildcard_constraints:
        method="fireants_mi",
    params:
        label="FireANTs MI",
        python="regbench.methods.fireants:FireANTs",
        venv="../../.venv-fireants",
        options={
            "algorithm": "greedy",
            "loss_type": "mi",
            "scales": [4, 2, 1],
            "iterations": [200, 100, 50],
            "smooth_grad_sigma": 2,
            "smooth_warp_sigma": 0.5,
            "optimizer_lr": 0.5,
        },
        devices=["cpu", "cuda"],
        packages=["fireants", "SimpleITK"],
        source="Jena et al. 2024; fireants 1.5.0, the settings of its authors' script for LPBA40",
