TUNING = [{"update_sigma": 2}, {"total_sigma": 0.5}, {"gradient_step": 0.2}, {"radius": 4}]


use rule run as syn_cc with:
    wildcard_constraints:
        method="syn_cc",
    params:
        label="SyN CC",
        python="regbench.methods.syn:SyN",
        options={
            "metric": "CC",
            "radius": 2,
            "gradient_step": 0.1,
            "update_sigma": 3,
            "total_sigma": 0,
            "iterations": [100, 70, 50, 20],
            "shrink_factors": [8, 4, 2, 1],
            "smoothing_sigmas": [3, 2, 1, 0],
            "convergence": [1e-6, 10],
            "use_mask": False,
        },
        modalities=["mono"],
        source="Avants et al. 2008; iterations, step and pyramid of antsRegistrationSyN.sh, radius of antspyx's SyNCC (2)",
