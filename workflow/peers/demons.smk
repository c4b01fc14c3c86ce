TUNING = [{"smoothing": 1.0}, {"smoothing": 2.0}, {"update_smoothing": 1.0}, {"iterations": [200, 120, 60]}]


use rule run as demons with:
    wildcard_constraints:
        method="demons",
    params:
        label="demons",
        python="regbench.methods.demons:Demons",
        options={
            "iterations": [100, 60, 30],
            "shrink_factors": [4, 2, 1],
            "smoothing": 1.5,
            "update_smoothing": 0.0,
            "step": 2.0,
        },
        modalities=["mono"],
        source="SimpleITK's DiffeomorphicDemonsRegistrationFilter on three levels; smoothing, step and length are customary "
        "values and not tuned",
