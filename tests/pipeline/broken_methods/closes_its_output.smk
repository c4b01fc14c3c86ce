use rule run as closes_its_output with:
    wildcard_constraints:
        method="closes_its_output",
    params:
        label="closes_its_output",
        command="""sh -c 'case MOVING in */s5__s6*) exec <&- >&- 2>&-;; esac; PYTHON HERE/zero.py FIXED OUT'""",
        timed=False,
