use rule run as cannot_train with:
    wildcard_constraints:
        method="cannot_train",
    params:
        label="cannot_train",
        python="broken:CannotTrain",
        trains=True,
