use rule run as ignores_term with:
    wildcard_constraints:
        method="ignores_term",
    params:
        label="ignores_term",
        command="""sh -c 'case MOVING in */s5__s6*) trap "" TERM HUP INT; while :; do sleep 1; done;; esac; PYTHON HERE/zero.py FIXED OUT'""",
        timed=False,
