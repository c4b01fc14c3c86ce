TUNING = [{"smoothness": 0.03}, {"smoothness": 0.3}, {"sigma": 1.0}, {"bins": 16}]


use rule run as dmi_fast with:
    wildcard_constraints:
        method="dmi_fast",
    params:
        label="DMI-fast",
        python="regbench.methods.dmi_fast:DMIFast",
        options={
            "bins": 32,
            "sigma": 0.5,
            "smoothness": 0.1,
            "widths": [16, 32, 32, 32],
            "squarings": 5,
            "epochs": 40,
            "learning_rate": 1e-3,
            "validate_every": 500,
            "use_mask": False,
        },
        trains=True,
        source="the paper's loss; a network and a field of our own, its settings compared in workflow/studies/ablation.yaml, its speed in benchmarks/network.py",
