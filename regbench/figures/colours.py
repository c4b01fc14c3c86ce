"""One colour for a method and one for a role (whose outline it is), in every figure and in the report.

Any two are told apart with normal sight and with protan-, deuteran- or tritanopia: those of the
paper's methods are Okabe and Ito's (2008), the others far from all before them as the least favoured eye sees them.
No method has a colour that is near to a role's.
"""

import hashlib
from collections.abc import Iterable

COLOURS = {
    "identity": "#9C9C9C", "truth": "#000000", "bspline": "#E69F00", "syn": "#0072B2", "voxelmorph": "#009E73",
    "dmi": "#D55E00", "dmi_io": "#C078B4", "syn_cc": "#56B4E9", "greedy": "#5A2D00", "dmi_fast_io": "#5A00C3",
    "voxelmorph_mi": "#0F3C5A", "dmi_fast": "#B45AFF", "greedy_nmi": "#D2B469", "demons": "#E1004B",
    "fireants": "#780F2D", "convexadam": "#001EFF", "fireants_mi": "#A50087", "voxelmorph_ncc": "#C3C396",
}  # fmt: skip
# Outlines of labels on grey images: the fixed image's own, the moving image's before registration, those carried over;
# in the report's viewer also those of a second image. slices.js of the report has the same.
FIXED, BEFORE, AFTER, SECOND = "#FFF03C", "#FF504B", "#00FFFF", "#FF78E1"
SPARE = ("#874B00", "#783CC3", "#FFA5D2", "#B487FF", "#875A78", "#5A0087")
PALETTE = [*COLOURS.values(), *SPARE]


def method_colours(methods: Iterable[str]) -> dict[str, str]:
    """The colour of each of the names, `#RRGGBB`; variants of a method share it.

    A method that is not ours takes the spare colour that its name points to, or the next that is free, so that its
    colour stays when others come and go unless two point to one. More strangers than spare colours share them.
    """
    found: dict[str, str] = {}
    for name in sorted(set(methods)):
        found[name] = COLOURS.get(name) or _spare(name, set(found.values()))
    return found


def _spare(name: str, taken: set[str]) -> str:
    first = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
    turned = [SPARE[(first + step) % len(SPARE)] for step in range(len(SPARE))]
    return next((colour for colour in turned if colour not in taken), turned[0])
