# The base of every method: workflow/methods/NAME.smk says `use rule run as NAME with:` its own parameters.
# It matches no method by itself. BATCH is `rR_bK` (repetition R, batch K of the test pairs), `timed_DEVICE`, or `r0_val`
# (the validation pairs, of a setting that is tried). Timed batches come when all others are done: a timed run that waited for
# a long training to end, to be alone, would hold up everything else meanwhile.
ACCURACY = str(RESULTS / "runs" / "accuracy.done")


rule run:
    input:
        pairs=PLAN.run_pairs,
        model=PLAN.run_model,
        choice=PLAN.choice_file,
        before=lambda w: ancient(ACCURACY) if w.batch.startswith("timed_") else [],
    output:
        RESULTS / "runs" / "{task}" / "{method}" / "{variant}" / "{batch}" / "batch.json",
    log:
        LOGS / "runs" / "{task}" / "{method}" / "{variant}" / "{batch}.log",
    wildcard_constraints:
        method="(?!)",
    conda:
        ENVIRONMENT
    threads: PLAN.study.threads
    resources:
        mem_mb=PLAN.memory_mb,
        slurm_extra=lambda w: "--exclusive" if w.batch.startswith("timed_") else "",
    params:
        study=PLAN.study_file,
        settings=PLAN.run_settings,
    shell:
        "python -m regbench run --study {params.study} --task {wildcards.task} --method {wildcards.method}"
        " --variant {wildcards.variant} --batch {wildcards.batch}"
        " --out {output} --log {log}"


rule accuracy:
    input:
        PLAN.accuracy_records(),
    output:
        touch(ACCURACY),
    localrule: True


for method in PLAN.methods.values():

    include: str(method.path.resolve())
