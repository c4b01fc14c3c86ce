use rule run as bspline with:
    wildcard_constraints:
        method="bspline",
    params:
        label="B-spline",
        python="regbench.methods.bspline:BSpline",
        options={"use_mask": False, "sample_in_mask": True},
        source="Klein et al. 2010; elastix parameters in regbench/methods/bspline.txt, options here laid over them",
