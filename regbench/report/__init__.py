"""Stage report: one self-contained page on a study (results/STUDY/report.html)."""
