use rule run as leaves_daemon with:
    wildcard_constraints:
        method="leaves_daemon",
    params:
        label="leaves_daemon",
        command="""sh -c 'case MOVING in */s5__s6*) setsid sleep 3600 & echo child $!;; esac; sleep 0.2; PYTHON HERE/zero.py FIXED OUT'""",
        timed=False,
