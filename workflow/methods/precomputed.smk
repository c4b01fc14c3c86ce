use rule run as precomputed with:
    wildcard_constraints:
        method="precomputed",
    params:
        label="Precomputed",
        python="regbench.methods.precomputed:Precomputed",
        options={"fields": "", "layout": "itk"},
        requires=["fields"],
        source="fields made elsewhere, on the prepared images; set `fields` in the study, a variant a set of fields",
