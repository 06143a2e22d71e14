// A table of many rows: a page of them at a time, sorted by any column, walked with the arrow keys.

function bigTable({ caption, columns, size, rows, onopen, onspace }) {
  // columns: { head, cell(row), key(row), number, place: "wide" | "extra", style }; rows(): numbers of the rows that the filters leave
  let order = { column: null, down: false }, first = 0, kept = [], current = null;
  const status = h("span", { class: "status", role: "status" });
  const body = h("tbody");
  const classOf = column => [column.number && "n", column.place, column.style].filter(Boolean).join(" ") || null;
  const heads = columns.map(column => h("th", { scope: "col", class: classOf(column) },
    column.key ? h("button", { class: "sort", type: "button", onclick: () => sortBy(column) }, column.head) : column.head));
  const back = h("button", { class: "button", type: "button", onclick: () => turn(-1) }, "Previous");
  const on = h("button", { class: "button", type: "button", onclick: () => turn(1) }, "Next");
  const table = h("table", {}, h("caption", {}, caption), h("thead", {}, h("tr", {}, heads)), body);
  const element = h("div", {}, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table), h("div", { class: "pager" }, status, back, on));

  function sortBy(column) {
    order = { column, down: order.column === column && !order.down };
    refresh();
  }

  function refresh() {
    kept = rows();
    if (order.column) {
      const { key } = order.column, sign = order.down ? -1 : 1;
      const keyed = kept.map(row => [key(row), row]);
      const text = typeof keyed.find(([value]) => value != null)?.[0] === "string";
      const compare = text ? new Intl.Collator("en", { numeric: true }).compare : (a, b) => a - b;
      keyed.sort(([a, i], [b, j]) => (a == null) - (b == null) || (a == null ? 0 : sign * compare(a, b)) || i - j);  // what is missing comes last
      kept = keyed.map(([, row]) => row);
    }
    columns.forEach((column, at) => column.key && heads[at].setAttribute("aria-sort", order.column === column ? (order.down ? "descending" : "ascending") : "none"));
    first = 0;
    draw();
  }

  function draw() {
    const visible = kept.slice(first, first + size);
    body.replaceChildren(...visible.map(row => {
      const cells = columns.map(column => h("td", { class: classOf(column) }, column.cell(row)));
      return h("tr", { class: onopen && "row", "data-row": row, tabindex: onopen && "-1", "aria-current": onopen && row === current && "true", onclick: () => onopen && open(row) }, cells);
    }));
    const stop = (body.querySelector("[aria-current]") ?? body.firstElementChild);
    if (onopen && stop) stop.tabIndex = 0;
    status.textContent = kept.length ? `${(first + 1).toLocaleString("en")} to ${(first + visible.length).toLocaleString("en")} of ${kept.length.toLocaleString("en")}` : "Nothing fits the filters";
    back.disabled = first === 0;
    on.disabled = first + size >= kept.length;
  }

  function turn(by) {
    const to = first + by * size;
    if (to < 0 || to >= kept.length) return;
    first = to;
    draw();
  }

  function open(row, focus = false) {
    current = row;
    for (const line of body.rows) {
      const here = Number(line.dataset.row) === row;
      line.tabIndex = here ? 0 : -1;
      if (here) line.setAttribute("aria-current", "true"); else line.removeAttribute("aria-current");
      if (here && focus) line.focus();
    }
    onopen(row);
  }

  function walk(event) {
    const line = event.target.closest?.("tr.row");
    if (!line || event.target !== line) return;
    const lines = [...body.rows], at = lines.indexOf(line);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: lines.length - 1, PageDown: lines.length, PageUp: -1 }[event.key];
    if (event.key === "Enter") open(Number(line.dataset.row));
    else if (event.key === " " && onspace) onspace(Number(line.dataset.row));
    else if (to == null) return;
    else if (to >= 0 && to < lines.length) { line.tabIndex = -1; lines[to].tabIndex = 0; lines[to].focus(); }
    else {
      const before = first;
      turn(to < 0 ? -1 : 1);
      if (first !== before) { const next = to < 0 ? body.lastElementChild : body.firstElementChild; for (const one of body.rows) one.tabIndex = -1; next.tabIndex = 0; next.focus(); }
    }
    event.preventDefault();
  }

  if (onopen) table.addEventListener("keydown", walk);
  return { element, refresh, open, get kept() { return kept; } };
}
