use rule run as fills_out_silently with:
    wildcard_constraints:
        method="fills_out_silently",
    params:
        label="fills_out_silently",
        command="""sh -c 'case MOVING in *bad*) cat /dev/zero > OUT; exit 0;; esac; cp FIELD OUT'""",
        options={"field": "", "disk": ""},
