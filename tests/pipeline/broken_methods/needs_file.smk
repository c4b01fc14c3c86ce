use rule run as needs_file with:
    wildcard_constraints:
        method="needs_file",
    params:
        label="needs_file",
        python="broken:NeedsFile",
