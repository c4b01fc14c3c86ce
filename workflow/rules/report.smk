rule write_report:
    input:
        rules.tables.input,
        rules.figures.output,
        scores=RESULTS / "scores.csv",
        timings=RESULTS / "timings.csv",
        templates=sorted((PACKAGE / "report" / "templates").iterdir()),
        citation=HERE / "CITATION.cff",
    output:
        RESULTS / "report.html",
    log:
        LOGS / "report.log",
    conda:
        ENVIRONMENT
    params:
        results=RESULTS,
        settings=PLAN.report_settings,
    shell:
        "python -m regbench report {params.results} --out {output} --log {log}"
