use rule run as segfaults with:
    wildcard_constraints:
        method="segfaults",
    params:
        label="segfaults",
        python="broken:Segfaults",
        timed=False,
