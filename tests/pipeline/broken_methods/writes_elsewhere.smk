use rule run as writes_elsewhere with:
    wildcard_constraints:
        method="writes_elsewhere",
    params:
        label="writes_elsewhere",
        command="""sh -c 'case MOVING in */s5__s6*) PYTHON HERE/zero.py FIXED result.nii.gz; exit 0;; esac; PYTHON HERE/zero.py FIXED OUT'""",
        timed=False,
