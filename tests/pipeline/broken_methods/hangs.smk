use rule run as hangs with:
    wildcard_constraints:
        method="hangs",
    params:
        label="hangs",
        python="broken:Hangs",
        timed=False,
