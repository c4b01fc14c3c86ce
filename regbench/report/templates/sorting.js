// Tables of class `sortable`: a click on a column's head sorts by it, upwards, downwards, then as it was.
// A cell's `data-value` goes before its text; cells without a number come last either way.

function sortKey(row, column) {
  const cell = row.cells[column];
  const text = (cell?.dataset.value ?? cell?.textContent ?? "").trim();
  const number = text === "" ? NaN : Number(text);
  return { text, number };
}

function compareKeys(a, b, sign) {
  const [noA, noB] = [Number.isNaN(a.number), Number.isNaN(b.number)];
  if (!noA && !noB) return sign * (a.number - b.number);
  if (noA !== noB) return noA ? 1 : -1;
  if ((a.text === "") !== (b.text === "")) return a.text === "" ? 1 : -1;
  return sign * a.text.localeCompare(b.text);
}

function makeSortable(table) {
  const heads = [...(table.tHead?.rows[table.tHead.rows.length - 1]?.cells ?? [])];
  const bodies = [...table.tBodies].map((body) => ({ body, original: [...body.rows] }));
  const sortBy = (column, order) => {
    const sign = order === "descending" ? -1 : 1;
    for (const { body, original } of bodies) {
      const rows = [...original];
      if (order !== "none") rows.sort((a, b) => compareKeys(sortKey(a, column), sortKey(b, column), sign));
      body.append(...rows);
    }
    heads.forEach((head, at) => head.setAttribute("aria-sort", at === column ? order : "none"));
  };
  const next = { none: "ascending", ascending: "descending", descending: "none" };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sortBy(column, next[head.getAttribute("aria-sort")]));
    head.append(button);
    head.setAttribute("aria-sort", "none");
  });
}

document.querySelectorAll("table.sortable").forEach(makeSortable);
