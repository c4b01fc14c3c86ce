use rule run as killed with:
    wildcard_constraints:
        method="killed",
    params:
        label="killed",
        command="""sh -c 'case MOVING in */s5__s6*) kill -KILL $$;; esac; PYTHON HERE/zero.py FIXED OUT'""",
        timed=False,
