"""Which figures a study has, known before anything runs, so that Snakemake can ask for each of them."""

from dataclasses import dataclass

SECTIONS = ("pictures", "deformation", "accuracy", "statistics", "speed", "training")  # in reading order
KINDS = {
    "pictures": ("pictures", "Registered images"),
    "contours": ("pictures", "Contours carried over"),
    "differences": ("pictures", "Differences before and after"),
    "grids": ("deformation", "Deformed grids"),
    "jacobian": ("deformation", "Change of volume"),
    "error": ("deformation", "Distance from the true displacement"),
    "accuracy": ("accuracy", "Accuracy of every pair"),
    "labels": ("accuracy", "DSC of every label"),
    "ranks": ("statistics", "Ranks"),
    "speed": ("speed", "Speed against accuracy"),
    "training": ("training", "Training curves"),
}


@dataclass(frozen=True)
class Asked:
    """One figure of one task."""

    kind: str
    task: str

    @property
    def name(self) -> str:
        """Of its files, `NAME.png` and `NAME.svg`."""
        return f"{self.task}_{self.kind}"

    @property
    def section(self) -> str:
        return KINDS[self.kind][0]

    @property
    def title(self) -> str:
        return f"{KINDS[self.kind][1]}, task {self.task}"


def asked_of(task: str, modality: str, labels: bool, truth: bool, trains: bool) -> list[Asked]:
    """A task's figures: differences where images show different contrasts, the others where there is something to show."""
    left_out = {"contours": not labels, "labels": not labels, "differences": modality == "mono"}
    left_out |= {"error": not truth, "training": not trains}
    return [Asked(kind, task) for kind in KINDS if not left_out.get(kind)]


def in_reading_order(figures: list[Asked]) -> list[Asked]:
    """By section, and in each section task after task."""
    return sorted(figures, key=lambda figure: SECTIONS.index(figure.section))  # a stable sort
