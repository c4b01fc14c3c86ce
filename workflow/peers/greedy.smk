TUNING = [{"smoothing": [2.5, 0.7071]}, {"smoothing": [1.732, 1.2]}, {"step": 0.5}, {"metric": "WNCC 4x4x4"}]


use rule run as greedy with:
    wildcard_constraints:
        method="greedy",
    params:
        label="greedy NCC",
        python="regbench.methods.greedy:Greedy",
        options={
            "metric": "WNCC 2x2x2",
            "iterations": [100, 50, 20],
            "smoothing": [1.732, 0.7071],
            "step": 1.0,
            "use_mask": False,
        },
        modalities=["mono"],
        packages=["picsl_greedy"],
        source="picsl_greedy 1.4; smoothing and step are greedy's defaults, iterations its documentation's",
