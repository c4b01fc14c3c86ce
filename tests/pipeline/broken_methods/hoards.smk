use rule run as hoards with:
    wildcard_constraints:
        method="hoards",
    params:
        label="hoards",
        python="broken:Hoards",
        timed=False,
