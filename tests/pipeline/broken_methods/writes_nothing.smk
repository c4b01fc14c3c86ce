use rule run as writes_nothing with:
    wildcard_constraints:
        method="writes_nothing",
    params:
        label="writes_nothing",
        command="true FIXED MOVING OUT",
