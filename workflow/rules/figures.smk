rule figures:
    input:
        scores=RESULTS / "scores.csv",
        tables=RESULTS / "tables" / "speed_accuracy.csv",
    output:
        [RESULTS / "figures" / f"{figure.name}.png" for figure in PLAN.figures()],
        [
            report(
                RESULTS / "figures" / f"{figure.name}.svg",
                caption=f"../report/figures/{figure.kind}.rst",
                category="Figures",
                subcategory=figure.section,
                labels={"task": figure.task, "figure": figure.title},
            )
            for figure in PLAN.figures()
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
