use rule run as stamps with:
    wildcard_constraints:
        method="stamps",
    params:
        label="Stamps",
        python="tests.runs.stamping:Stamps",
        options={"folder": "", "seconds": 1.0},
