use rule run as precomputed with:
    wildcard_constraints:
        method="precomputed",
    params:
        label="Precomputed",
        python="regbench.methods.precomputed:Precomputed",
        options={"fields": "", "layout": "itk", "space": "prepared"},
        timed=False,
        requires=["fields"],
        source="fields and transforms made elsewhere; set `fields` in the study, a variant a set of fields",
