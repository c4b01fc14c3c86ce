use rule run as truth with:
    wildcard_constraints:
        method="truth",
    params:
        label="Truth",
        python="regbench.methods.truth:Truth",
        needs_truth=True,
        control=True,
        source="the dataset's known displacement after preparation",
