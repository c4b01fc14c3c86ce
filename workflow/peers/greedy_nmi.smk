TUNING = [
    {"smoothing": [2.5, 0.7071]},
    {"smoothing": [1.732, 1.2]},
    {"step": 0.5},
    {"iterations": [200, 100, 40]},
]


use rule run as greedy_nmi with:
    wildcard_constraints:
        method="greedy_nmi",
    params:
        label="greedy NMI",
        python="regbench.methods.greedy:Greedy",
        options={
            "metric": "NMI",
            "iterations": [100, 50, 20],
            "smoothing": [1.732, 0.7071],
            "step": 1.0,
            "use_mask": False,
        },
        packages=["picsl_greedy"],
        source="picsl_greedy 1.4; smoothing and step are greedy's defaults, iterations its documentation's",
