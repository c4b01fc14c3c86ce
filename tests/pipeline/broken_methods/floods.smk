use rule run as floods with:
    wildcard_constraints:
        method="floods",
    params:
        label="floods",
        command="""sh -c 'case MOVING in */s5__s6*) yes a line of many | head -c 20000000; echo; echo the last line;; esac; PYTHON HERE/zero.py FIXED OUT'""",
        timed=False,
