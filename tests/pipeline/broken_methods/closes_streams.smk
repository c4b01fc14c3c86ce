use rule run as closes_streams with:
    wildcard_constraints:
        method="closes_streams",
    params:
        label="closes_streams",
        python="broken:ClosesStreams",
        timed=False,
