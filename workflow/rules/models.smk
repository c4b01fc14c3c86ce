rule train:
    input:
        pairs=PLAN.training_pairs,
        choice=PLAN.choice_file,
    output:
        RESULTS / "models" / "{task}" / "{method}" / "{variant}" / "r{repetition}" / "record.json",
    log:
        LOGS / "models" / "{task}" / "{method}" / "{variant}" / "r{repetition}.log",
    priority: 1  # after data and preparation, before all runs: the longest steps start as soon as they can
    conda:
        ENVIRONMENT
    threads: PLAN.study.threads
    resources:
        mem_mb=PLAN.memory_mb,
    params:
        study=PLAN.study_file,
        settings=PLAN.train_settings,
    shell:
        "python -m regbench train --study {params.study} --task {wildcards.task} --method {wildcards.method}"
        " --variant {wildcards.variant} --repetition {wildcards.repetition}"
        " --out {output} --log {log}"
