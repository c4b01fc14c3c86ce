use rule run as writes_nothing with:
    wildcard_constraints:
        method="writes_nothing",
    params:
        label="writes_nothing",
        command="""sh -c 'case MOVING in */s5__s6*) exit 0;; esac; PYTHON HERE/zero.py FIXED OUT'""",
        timed=False,
