# All that is wrong with the study and its files is told before anything is computed; a second check takes seconds.
# `update` keeps the record over a rerun: without it, a check that fails once would have all data made again.
rule check:
    input:
        PLAN.checked_files,
    output:
        update(RESULTS / "check.json"),
    log:
        LOGS / "check.log",
    priority: 3
    conda:
        ENVIRONMENT
    threads: PLAN.study.threads
    params:
        study=PLAN.study_file,
        settings=PLAN.check_settings,
    shell:
        "python -m regbench check {params.study} --threads {threads} --out {output} --log {log}"
