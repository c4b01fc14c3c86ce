# Each setting of a tuned method is a variant like others (setting0 is the default), trained and run by the rules before
# on the validation pairs (batch r0_val). The variant `tuned` takes what is chosen here as an input of its jobs.
rule choose:
    input:
        scores=PLAN.setting_scores,
        runs=PLAN.setting_runs,
        models=PLAN.setting_models,
    output:
        report=RESULTS / "tuning" / "{task}" / "{method}.json",
        options=RESULTS / "tuning" / "{task}" / "{method}.options.json",
        grid=RESULTS / "tuning" / "{task}" / "{method}.csv",
    log:
        LOGS / "tuning" / "{task}" / "{method}.log",
    conda:
        ENVIRONMENT
    params:
        study=PLAN.study_file,
        settings=PLAN.choice_settings,
    shell:
        "python -m regbench choose --study {params.study} --task {wildcards.task} --method {wildcards.method}"
        " --out {output.report} --log {log}"


rule tuning_page:
    input:
        PLAN.tuning_reports,
    output:
        RESULTS / "tuning" / "tuning.md",
    log:
        LOGS / "tuning" / "page.log",
    conda:
        ENVIRONMENT
    params:
        study=PLAN.study_file,
        settings=PLAN.table_settings,
    shell:
        "python -m regbench tuning-page --study {params.study} --log {log}"


rule tune:
    input:
        PLAN.tuning_asked,
    localrule: True
