use rule run as tool with:
    wildcard_constraints:
        method="tool",
    params:
        label="Tool",
        command="python HERE/zero.py FIXED MOVING OUT",
