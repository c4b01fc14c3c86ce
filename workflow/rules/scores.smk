rule score:
    input:
        pairs=PLAN.run_pairs,
        runs=RESULTS / "runs" / "{task}" / "{method}" / "{variant}" / "{batch}" / "batch.json",
    output:
        RESULTS / "scores" / "{task}" / "{method}" / "{variant}" / "{batch}.csv",
    log:
        LOGS / "scores" / "{task}" / "{method}" / "{variant}" / "{batch}.log",
    wildcard_constraints:
        batch=r"r\d+_(b\d+|val)",
    conda:
        ENVIRONMENT
    params:
        study=PLAN.study_file,
        settings=PLAN.score_settings,
    shell:
        "python -m regbench score --study {params.study} --task {wildcards.task} --method {wildcards.method}"
        " --variant {wildcards.variant} --batch {wildcards.batch} --out {output} --log {log}"


rule gather:
    input:
        scores=PLAN.score_files(),
        runs=PLAN.run_records(),
        models=PLAN.model_records(),
    output:
        scores=RESULTS / "scores.csv",
        timings=RESULTS / "timings.csv",
        provenance=RESULTS / "provenance.json",
    log:
        LOGS / "gather.log",
    conda:
        ENVIRONMENT
    params:
        study=PLAN.study_file,
        settings=PLAN.table_settings,
    shell:
        "python -m regbench gather --study {params.study} --log {log}"
