# In a venv of its own, which `make fireants` makes.

TUNING = [
    {"smooth_warp_sigma": 0.25},
    {"smooth_warp_sigma": 1.0},
    {"optimizer_lr": 0.25},
    {"cc_kernel_size": 5},
]


use rule run as fireants with:
    wildcard_constraints:
        method="fireants",
    params:
        label="FireANTs CC",
        python="regbench.methods.fireants:FireANTs",
        venv="../../.venv-fireants",
        options={
            "algorithm": "greedy",
            "loss_type": "cc",
            "cc_kernel_size": 7,
            "scales": [4, 2, 1],
            "iterations": [200, 100, 50],
            "smooth_grad_sigma": 2,
            "smooth_warp_sigma": 0.5,
            "optimizer_lr": 0.5,
        },
        modalities=["mono"],
        devices=["cpu", "cuda"],
        packages=["fireants", "SimpleITK"],
        source="Jena et al. 2024; fireants 1.5.0, the settings of its authors' script for LPBA40",
