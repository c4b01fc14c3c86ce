use rule run as cut_short with:
    wildcard_constraints:
        method="cut_short",
    params:
        label="cut_short",
        command="""sh -c 'case MOVING in */s5__s6*) PYTHON HERE/zero.py FIXED OUT; truncate -s 40 OUT; exit 0;; esac; PYTHON HERE/zero.py FIXED OUT'""",
        timed=False,
