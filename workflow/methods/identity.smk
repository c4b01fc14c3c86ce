use rule run as identity with:
    wildcard_constraints:
        method="identity",
    params:
        label="Affine",
        python="regbench.methods.identity:Identity",
        control=True,
        source="no deformation: the paper's row of affine alignment alone",
