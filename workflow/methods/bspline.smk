TUNING = [
    {"FinalGridSpacingInPhysicalUnits": 16},
    {"FinalGridSpacingInPhysicalUnits": 7},
    {"sample_in_mask": True},
    {"FinalGridSpacingInPhysicalUnits": 12, "NumberOfSpatialSamples": 4000},
]


use rule run as bspline with:
    wildcard_constraints:
        method="bspline",
    params:
        label="B-spline",
        python="regbench.methods.bspline:BSpline",
        options={
            "use_mask": False,
            "sample_in_mask": False,
            "FinalGridSpacingInPhysicalUnits": 10,
            "MaximumNumberOfIterations": 150,
            "NumberOfSpatialSamples": 2000,
        },
        source="Klein et al. 2010; elastix parameters in regbench/methods/bspline.txt, options here laid over them",
