TUNING = [{"lambda_weight": 0.65}, {"lambda_weight": 2.5}, {"selected_smooth": 3}, {"mind_r": 2}]


use rule run as convexadam with:
    wildcard_constraints:
        method="convexadam",
    params:
        label="ConvexAdam",
        python="regbench.methods.convexadam:ConvexAdam",
        options={
            "mind_r": 1,
            "mind_d": 2,
            "lambda_weight": 1.25,
            "grid_sp": 6,
            "disp_hw": 4,
            "selected_niter": 80,
            "selected_smooth": 0,
            "grid_sp_adam": 2,
            "ic": True,
        },
        devices=["cpu", "cuda"],
        packages=["convexAdam"],
        source="Siebert, Hansen and Heinrich, IEEE TMI 2024; convexAdam 0.2's defaults",
