use rule run as not_finite with:
    wildcard_constraints:
        method="not_finite",
    params:
        label="not_finite",
        python="broken:NotFinite",
        timed=False,
