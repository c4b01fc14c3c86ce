use rule run as misplaced with:
    wildcard_constraints:
        method="misplaced",
    params:
        label="Misplaced",
        command="PYTHON HERE/misplaced.py FIXED OUT HOW",
        options={"how": "nowhere"},
