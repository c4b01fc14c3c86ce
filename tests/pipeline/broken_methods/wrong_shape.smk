use rule run as wrong_shape with:
    wildcard_constraints:
        method="wrong_shape",
    params:
        label="wrong_shape",
        python="broken:WrongShape",
        timed=False,
