use rule run as leaves_little with:
    wildcard_constraints:
        method="leaves_little",
    params:
        label="leaves_little",
        python="leaves_little:LeavesLittle",
        options={"field": "", "disk": ""},
