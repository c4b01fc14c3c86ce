use rule run as wrong_grid with:
    wildcard_constraints:
        method="wrong_grid",
    params:
        label="wrong_grid",
        command="""sh -c 'case MOVING in */s5__s6*) PYTHON HERE/zero.py FIXED OUT 2; exit 0;; esac; PYTHON HERE/zero.py FIXED OUT'""",
        timed=False,
