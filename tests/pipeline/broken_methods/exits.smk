use rule run as exits with:
    wildcard_constraints:
        method="exits",
    params:
        label="exits",
        command="""sh -c 'case MOVING in */s5__s6*) echo reason given; exit 3;; esac; PYTHON HERE/zero.py FIXED OUT'""",
        timed=False,
