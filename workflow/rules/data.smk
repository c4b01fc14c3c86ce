rule data:
    input:
        PLAN.sources,
    output:
        RESULTS / "data" / "{dataset}" / "{subject}.json",
    log:
        LOGS / "data" / "{dataset}" / "{subject}.log",
    priority: 2  # data and preparation before anything else: the longest steps, trainings, wait for them
    conda:
        ENVIRONMENT
    params:
        study=PLAN.study_file,
        settings=PLAN.data_settings,
    shell:
        "python -m regbench data --study {params.study} --dataset {wildcards.dataset}"
        " --subject {wildcards.subject} --out {output} --log {log}"
