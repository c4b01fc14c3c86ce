use rule run as crashes with:
    wildcard_constraints:
        method="crashes",
    params:
        label="crashes",
        python="broken:Crashes",
        timed=False,
