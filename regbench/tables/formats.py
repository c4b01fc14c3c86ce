"""A document as Markdown, as LaTeX (booktabs) and as an HTML fragment, all with the same marks."""

from collections.abc import Collection
from itertools import chain
from math import isnan

from jinja2 import Environment
from markupsafe import Markup
from pylatexenc.latexencode import unicode_to_latex

from regbench.tables.document import Block, Cell, Document

# No style and no script of its own: the page that takes it in brings them.
HTML = """\
<section class="regbench-table">
<h2>{{ document.heading }}</h2>
{% for fact in document.facts %}
<p class="fact">{{ fact }}</p>
{% endfor %}
{% for block in document.blocks %}
<table class="sortable">
<caption>{{ block.title }}</caption>
<thead>
<tr>
{% for name in block.header %}
<th scope="col"{% if loop.index0 not in block.texts %} class="number"{% endif %}>{{ name }}</th>
{% endfor %}
</tr>
</thead>
<tbody>
{% for row in block.rows %}
<tr>
<th scope="row">{{ row[0] | marked }}</th>
{% for cell in row[1:] %}
<td class="{{ "text" if loop.index in block.texts else "number" }}{{ " " ~ cell.mark if cell.mark }}"
{%- if cell.value | known %} data-value="{{ "%.9g" | format(cell.value) }}"{% endif %}>{{ cell | marked }}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
{% endfor %}
{% for word, meaning in document.legend %}
<p class="note">{{ word | marked }}: {{ meaning }}</p>
{% endfor %}
{% for note in document.notes %}
<p class="note">{{ note }}</p>
{% endfor %}
</section>
"""


def markdown(document: Document) -> str:
    """Aligned Markdown tables, facts above and notes below."""
    parts = [f"# {document.heading}", *document.facts]
    for block in document.blocks:
        rows = [[_markdown_cell(cell) for cell in row] for row in block.rows]
        parts += [f"**{block.title}**", markdown_table(block.header, rows, block.texts)]
    legend = [f"{_markdown_cell(word)}: {meaning}" for word, meaning in document.legend]
    parts.append("\n".join(f"- {note}" for note in (*legend, *document.notes)))
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(header: list[str], rows: list[list[str]], texts: Collection[int] = (0,)) -> str:
    """One Markdown table with its columns aligned, those of words (`texts`) to the left; a bar in a cell is escaped."""
    cells = [[cell.replace("|", r"\|") for cell in row] for row in (header, *rows)]
    widths = [max(3, *(len(row[k]) for row in cells)) for k in range(len(header))]
    dashes = ["-" * (width - 1) for width in widths]
    rule = [f":{line}" if k in texts else f"{line}:" for k, line in enumerate(dashes)]
    lines = [
        [text.ljust(width) if k in texts else text.rjust(width) for k, (text, width) in enumerate(sized)]
        for sized in (zip(row, widths, strict=True) for row in (cells[0], rule, *cells[1:]))
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def latex(document: Document) -> str:
    r"""A table environment: \input it after \usepackage{booktabs,graphicx}. What is wider than the line is shrunk to it."""
    legend = [f"{_latex_cell(word, r'$^{%s}$')}: {escape(meaning)}" for word, meaning in document.legend]
    notes = [*map(escape, document.facts), *legend, *map(escape, document.notes)]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape(document.title)}}}",
            r"\footnotesize\setlength{\tabcolsep}{3pt}",
            *chain.from_iterable(_tabular(block) for block in document.blocks),
            r"\par\medskip\begin{minipage}{\linewidth}",
            "\\\\\n".join(notes),
            r"\end{minipage}",
            r"\end{table}",
            "",
        ]
    )


def html(document: Document) -> str:
    """A `section` with a sortable table a block: a cell's `data-value` is its number, unrounded, its class its mark."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"marked": _html_cell, "known": lambda value: not isnan(value)}
    return environment.from_string(HTML).render(document=document) + "\n"


def escape(text: str) -> str:
    """Text as LaTeX shows it."""
    return unicode_to_latex(text, unknown_char_policy="replace", unknown_char_warning=False)


def _tabular(block: Block) -> list[str]:
    columns = "".join("l" if k in block.texts else "r" for k in range(len(block.header)))
    rows = [" & ".join(map(_latex_cell, row)) + r" \\" for row in block.rows]
    return [
        rf"\par\medskip\textbf{{{escape(block.title)}}}\par\smallskip",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(escape, block.header)) + r" \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}}",
    ]


def _markdown_cell(cell: Cell) -> str:
    return f"**{cell.text}**" if cell.mark == "best" else cell.text + cell.sign


def _latex_cell(cell: Cell, sign: str = r"\rlap{$^{%s}$}") -> str:
    """In a column signs take no room, so that digits stay below each other."""
    if cell.mark == "best":
        return rf"\textbf{{{escape(cell.text)}}}"
    return escape(cell.text) + (sign % cell.sign if cell.sign else "")


def _html_cell(cell: Cell) -> Markup:
    if cell.mark == "best":
        return Markup("<strong>{}</strong>").format(cell.text)
    return Markup("{}<sup>{}</sup>" if cell.sign else "{}").format(cell.text, cell.sign)
