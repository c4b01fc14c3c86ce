use rule run as kills_parent with:
    wildcard_constraints:
        method="kills_parent",
    params:
        label="kills_parent",
        command="""sh -c 'case MOVING in */s5__s6*) kill -KILL $PPID; sleep 3600;; esac; PYTHON HERE/zero.py FIXED OUT'""",
        timed=False,
