use rule run as fills_out with:
    wildcard_constraints:
        method="fills_out",
    params:
        label="fills_out",
        command="""sh -c 'case MOVING in *bad*) cat /dev/zero > OUT || exit 1;; esac; cp FIELD OUT'""",
        options={"field": "", "disk": ""},
