use rule run as wrong with:
    wildcard_constraints:
        method="wrong",
    params:
        label="Wrong",
        python="wrong:Wrong",
        options={"mistake": "none"},
