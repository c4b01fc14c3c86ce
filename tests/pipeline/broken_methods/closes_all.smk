use rule run as closes_all with:
    wildcard_constraints:
        method="closes_all",
    params:
        label="closes_all",
        python="broken:ClosesAll",
        timed=False,
