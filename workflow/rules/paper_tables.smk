localrules:
    paper_tables,


# The tables, with published values and verdicts, from scores.csv and timings.csv as they are: whatever became of code, runs,
# fields and data, nothing else runs (it has no input, and the Snakefile knows no other rule then).
rule paper_tables:
    log:
        LOGS / "paper_tables.log",
    conda:
        ENVIRONMENT
    params:
        study=PLAN.study_file,
    shell:
        "python -m regbench tables --study {params.study} --log {log}"
