TUNING = [
    {"levels": [[2, 30, "global", 2.0], [2, 30, "local", 1.6], [1, 20, "local", 1.4]]},
    {"levels": [[2, 30, "global", 1.1], [2, 30, "local", 0.9], [1, 20, "local", 0.7]]},
    {"fluid": 1.0},
    {"radius": 3},
]


use rule run as dmi_fast_io with:
    wildcard_constraints:
        method="dmi_fast_io",
    params:
        label="DMI-fast+IO",
        python="regbench.methods.dmi_fast_io:DMIFastInstance",
        options={
            "levels": [
                [2, 30, "global", 1.5],
                [2, 30, "local", 1.2],
                [1, 20, "local", 1.0],
            ],
            "bins": 32,
            "sigma": 1.0,
            "radius": 2,
            "step": 1.0,
            "fluid": 0.7,
            "epsilon": 0.2,
            "remap": 10,
            "use_mask": False,
        },
        model_of="dmi_fast",
        source="the field of dmi_fast, then regbench/models/instance.py; settings compared in workflow/studies/ablation.yaml",
