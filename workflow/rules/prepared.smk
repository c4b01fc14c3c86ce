rule prepare_reference:
    input:
        PLAN.reference_data,
    output:
        RESULTS / "prepared" / "{task}" / "reference.json",
    log:
        LOGS / "prepared" / "{task}" / "reference.log",
    priority: 2
    conda:
        ENVIRONMENT
    params:
        study=PLAN.study_file,
        settings=PLAN.prepare_settings,
    shell:
        "python -m regbench prepare-reference --study {params.study} --task {wildcards.task}"
        " --out {output} --log {log}"


rule prepare_subject:
    input:
        data=PLAN.subject_data,
        reference=PLAN.reference_file,
    output:
        RESULTS / "prepared" / "{task}" / "subjects" / "{subject}.json",
    log:
        LOGS / "prepared" / "{task}" / "{subject}.log",
    priority: 2
    conda:
        ENVIRONMENT
    params:
        study=PLAN.study_file,
        settings=PLAN.prepare_settings,
    shell:
        "python -m regbench prepare-subject --study {params.study} --task {wildcards.task}"
        " --subject {wildcards.subject} --out {output} --log {log}"


rule prepare_pairs:
    input:
        PLAN.pair_subjects,
    output:
        RESULTS / "prepared" / "{task}" / "pairs" / "{batch}.json",
    log:
        LOGS / "prepared" / "{task}" / "{batch}.log",
    priority: 2
    conda:
        ENVIRONMENT
    params:
        study=PLAN.study_file,
        settings=PLAN.pair_settings,
    shell:
        "python -m regbench prepare-pairs --study {params.study} --task {wildcards.task}"
        " --batch {wildcards.batch} --out {output} --log {log}"
