use rule run as fills_disk with:
    wildcard_constraints:
        method="fills_disk",
    params:
        label="fills_disk",
        command="""sh -c 'test -e DISK/../mended && cp FIELD OUT && exit 0; case MOVING in *bad*) cat /dev/zero > DISK/junk; yes talk | head -c 99999;; esac; cp FIELD OUT'""",
        options={"field": "", "disk": ""},
