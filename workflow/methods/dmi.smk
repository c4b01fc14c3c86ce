TUNING = [{"smoothness": 0.03}, {"smoothness": 0.3}, {"sigma": 1.0}, {"bins": 16}]


use rule run as dmi with:
    wildcard_constraints:
        method="dmi",
    params:
        label="DMI",
        python="regbench.methods.dmi:DMI",
        options={
            "bins": 32,
            "sigma": 0.5,
            "smoothness": 0.1,
            "encoder": [16, 32, 32, 32],
            "decoder": [32, 32, 32, 32],
            "final": [16, 16],
            "epochs": 40,
            "learning_rate": 1e-4,
            "validate_every": 500,
            "use_mask": False,
        },
        trains=True,
        source="the paper's network and loss (Wang et al. 2021); widths, smoothness, learning rate and length, which the "
        "paper leaves open, are customary values and not tuned",
