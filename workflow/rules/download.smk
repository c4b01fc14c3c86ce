# Data that are free to fetch, on demand alone: no other rule asks for them, and without a network nothing else needs one.
rule download_ixi:
    log:
        LOGS / "download_ixi.log",
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        "python -m regbench download-ixi --log {log}"
