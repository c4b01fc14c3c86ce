rule data:
    input:
        PLAN.sources,
    output:
        RESULTS / "data" / "{dataset}" / "{subject}.json",
    log:
        LOGS / "data" / "{dataset}" / "{subject}.log",
    priority: 2
    conda:
        ENVIRONMENT
    params:
        study=PLAN.study_file,
        settings=PLAN.data_settings,
    shell:
        "python -m regbench data --study {params.study} --dataset {wildcards.dataset}"
        " --subject {wildcards.subject} --out {output} --log {log}"
