// Data: how much of what, how it is spoken, what was rejected and why, how good the alignments are, and what stands out.

function data(panel) {
  fill(panel,
    h("h1", {}, "Data"),
    card(null, speakers.length > 30 ? h("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Minutes by speaker and emotion" }, hoursChart()) : hoursChart(), stagesTable()),
    card("How it is spoken", page.totals.has_features ? [h("p", { class: "soft small" }, "Boxes hold the middle half of the utterances, lines nine in ten; the tick is the median."), h("div", { class: "two" }, Object.keys(page.prosody).map(boxChart))] : note("No features yet. Run `dvc repro extract`.")),
    card("Alignment and recording quality", page.quality.length ? [h("p", { class: "soft small" }, "Of every aligned utterance, also of those that a limit under ", h("code", {}, "quality:"), " in params.yaml rejected. A dashed line is a limit."), h("div", { class: "many" }, page.quality.map(histogramChart))] : note("Not measured yet. Run `dvc repro extract`.")),
    card("Outliers to listen to", outlierTable()),
    card("Rejected utterances", rejectTable()),
  );
}

const stagesTable = () => page.stages.length > 0 && h("details", {}, h("summary", {}, "Rows in, out and rejected at each stage"),
  simpleTable("Rows in = rows out + rejected", ["stage", "corpus", "in", "out", "rejected"], page.stages.map(row => [row.stage, row.corpus, row.rows_in, row.rows_out, row.rejected])));

function outlierTable() {
  const rows = page.outliers;
  if (!rows.length) return note(page.totals.has_features ? "Nothing stands out: too few utterances a speaker to say what is usual, or `report.outliers` is 0." : "No features yet. Run `dvc repro extract`.");
  const text = new Map(page.utterances.utterance_id.map((id, at) => [id, page.utterances.text[at]]));
  const view = h("div", { "aria-live": "polite" });
  const show = at => { view.replaceChildren(...clipView(rows[at].clip, h("h3", { class: "quote", dir: "auto" }, text.get(rows[at].utterance_id) ?? rows[at].utterance_id))); drawCharts(); };
  const table = bigTable({
    caption: "Utterances furthest from what is usual for their speaker (prosody) or the corpus (quality), in robust standard deviations", size: 12, rows: () => rows.map((_, at) => at), onopen: show,
    onspace: at => rows[at].clip != null && play(rows[at].clip, "real"),
    columns: [
      { head: "play", cell: at => rows[at].clip != null && soundsOf(rows[at].clip).includes("real") ? playButton(rows[at].clip, "real", rows[at].utterance_id, "play") : "" },
      { head: "utterance", key: at => rows[at].utterance_id, cell: at => h("code", {}, rows[at].utterance_id) },
      { head: "measure", key: at => rows[at].measure, cell: at => rows[at].measure },
      { head: "value", number: true, key: at => rows[at].value, cell: at => shown(rows[at].value) },
      { head: "usual", number: true, key: at => rows[at].typical, cell: at => shown(rows[at].typical) },
      { head: "distance", number: true, key: at => Math.abs(rows[at].z), cell: at => shown(rows[at].z) },
    ],
  });
  table.refresh();
  return [table.element, view];
}

function rejectTable() {
  const { total, reasons, rows, hidden } = page.rejects;
  if (!total) return h("p", {}, "Nothing was rejected.");
  const count = rows.utterance_id.length;
  const words = Array.from({ length: count }, (_, at) => `${rows.stage[at]} ${rows.utterance_id[at]} ${rows.reason[at]} ${plain(rows.reason[at])} ${rows.detail[at]}`.toLowerCase());
  let wanted = [], reason = "";
  const table = bigTable({
    caption: "Rejected utterances", size: 25,
    rows: () => words.flatMap((text, at) => (!reason || rows.reason[at] === reason) && wanted.every(word => text.includes(word)) ? [at] : []),
    columns: [
      { head: "stage", key: at => rows.stage[at], cell: at => rows.stage[at] },
      { head: "utterance", key: at => rows.utterance_id[at], cell: at => h("code", {}, rows.utterance_id[at]) },
      { head: "reason", key: at => rows.reason[at], cell: at => plain(rows.reason[at]) },
      { head: "detail", style: "text", cell: at => rows.detail[at] },
    ],
  });
  const search = h("input", { type: "search", id: "reject-search", autocomplete: "off", placeholder: "id, reason or word", oninput: () => { wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean); table.refresh(); } });
  table.refresh();
  return [
    simpleTable(`${counted(total, "utterance")} by reason`, ["reason", "stage", "utterances", "what it means, and what to do"], reasons.map(row => [plain(row.reason), row.stage, row.n, row.description.replaceAll("`", "")])),
    h("div", { class: "filters" }, h("label", { class: "field grow" }, "Search the rejected rows", search), choice("Reason", [["", "all"], ...unique(reasons.map(row => row.reason)).map(name => [name, plain(name)])], value => { reason = value; table.refresh(); })),
    table.element,
    hidden ? h("p", { class: "soft" }, `${counted(hidden, "further row")} stand in the rejects tables.`) : null,
  ];
}
