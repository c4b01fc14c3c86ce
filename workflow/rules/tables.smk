rule write_tables:
    input:
        scores=RESULTS / "scores.csv",
        timings=RESULTS / "timings.csv",
        tuning=PLAN.tuning_reports,
        published=PACKAGE / "paper.yaml",
    output:
        [
            report(
                RESULTS / "tables" / f"{table}.csv",
                caption="../report/table.rst",
                category="Tables",
                labels={"table": table},
            )
            for table in PLAN.tables()
        ],
        [RESULTS / "tables" / f"{table}.{form}" for table in PLAN.tables() for form in ("md", "tex", "html")],
        [
            report(
                RESULTS / "tables" / f"{table}.csv",
                caption=f"../report/{table}.rst",
                category="Tables",
                labels={"table": table},
            )
            for table in ("times", "speed", "claims")
        ],
        [
            RESULTS / "tables" / f"{table}.{form}"
            for table in ("times", "speed", "claims")
            for form in ("md", "html")
        ],
        report(
            RESULTS / "tables" / "speed_accuracy.csv",
            caption="../report/speed_accuracy.rst",
            category="Tables",
            labels={"table": "speed and accuracy"},
        ),
        PLAN.followup_tables(),
    log:
        LOGS / "tables.log",
    conda:
        ENVIRONMENT
    params:
        study=PLAN.study_file,
        settings=PLAN.table_settings,
    shell:
        "python -m regbench tables --study {params.study} --log {log}"


rule tables:
    input:
        rules.write_tables.output,
        RESULTS / "provenance.json",
