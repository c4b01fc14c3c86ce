rule figures:
    input:
        scores=RESULTS / "scores.csv",
        tables=RESULTS / "tables" / "speed_accuracy.csv",
    output:
        [
            RESULTS / "figures" / f"{figure.name}.{form}"
            for figure in PLAN.figures()
            for form in ("png", "svg")
        ],
        RESULTS / "figures" / "figures.json",
    log:
        LOGS / "figures.log",
    conda:
        ENVIRONMENT
    params:
        study=PLAN.study_file,
        settings=PLAN.figure_settings,
    shell:
        "python -m regbench figures --study {params.study} --log {log}"
