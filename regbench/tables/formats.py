"""A document as Markdown (which a terminal shows as it is) and as LaTeX (booktabs)."""

from regbench.tables.layout import Block, Document

LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "†": r"$^\dagger$",
        "<": r"$<$",
        ">": r"$>$",
        **{character: f"\\{character}" for character in "&%$#_"},
    }
)


def markdown(document: Document) -> str:
    """Aligned Markdown tables, facts above and notes below."""
    parts = [f"# {document.title}", *document.facts]
    for block in document.blocks:
        parts += [f"**{block.title}**", markdown_table(block.header, block.rows)]
    parts.append("\n".join(f"- {note}" for note in document.notes))
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """One Markdown table with its columns aligned; a bar inside a cell is escaped."""
    cells = [[cell.replace("|", r"\|") for cell in row] for row in (header, *rows)]
    widths = [max(3, *(len(row[k]) for row in cells)) for k in range(len(header))]
    lines = [_line(row, widths) for row in cells]
    rule = [f":{'-' * (width - 1)}" if k == 0 else f"{'-' * (width - 1)}:" for k, width in enumerate(widths)]
    return "\n".join([lines[0], _line(rule, widths), *lines[1:]])


def latex(document: Document) -> str:
    """A table environment for booktabs: \\input it after \\usepackage{booktabs}."""
    notes = [escape(text) for text in (*document.facts, *document.notes)]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape(document.title)}}}",
            *(line for block in document.blocks for line in _tabular(block)),
            r"\begin{minipage}{\linewidth}\footnotesize",
            "\\\\\n".join(notes),
            r"\end{minipage}",
            r"\end{table}",
            "",
        ]
    )


def escape(text: str) -> str:
    """Text as LaTeX shows it."""
    return text.translate(LATEX)


def _tabular(block: Block) -> list[str]:
    rows = [" & ".join(escape(cell) for cell in row) + r" \\" for row in block.rows]
    header = " & ".join(escape(cell) for cell in block.header) + r" \\"
    columns = "l" + "r" * (len(block.header) - 1)
    return [
        rf"\par\medskip\textbf{{{escape(block.title)}}}\par\smallskip",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        header,
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _line(cells: list[str], widths: list[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    aligned = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
    return f"| {' | '.join(aligned)} |"
