TUNING = [
    {"update_sigma": 2},
    {"total_sigma": 0.5},
    {"iterations": [80, 40, 20]},
    {"update_sigma": 2, "iterations": [80, 40, 20]},
]


use rule run as syn with:
    wildcard_constraints:
        method="syn",
    params:
        label="SyN",
        python="regbench.methods.syn:SyN",
        options={
            "metric": "Mattes",
            "bins": 32,
            "gradient_step": 0.2,
            "update_sigma": 3,
            "total_sigma": 0,
            "iterations": [40, 20, 0],
            "shrink_factors": [4, 2, 1],
            "smoothing_sigmas": [2, 1, 0],
            "convergence": [1e-7, 8],
            "use_mask": False,
        },
        source="Avants et al. 2008; settings of SyNOnly in antspyx 0.6 (ants.registration's defaults)",
