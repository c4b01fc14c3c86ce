use rule run as exits with:
    wildcard_constraints:
        method="exits",
    params:
        label="exits",
        command="sh -c 'echo reason given; exit 3' FIXED MOVING OUT",
