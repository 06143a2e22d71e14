// Vega-Lite charts. Each has a title, a sentence for those who do not see it, and its numbers as a table.

const charts = [];

function chart(title, description, spec, heads, rows) {
  const place = h("div", { class: "chart", role: "img", "aria-label": `${title}. ${description}` });
  charts.push({ place, spec, drawn: null });
  return h("figure", {}, h("figcaption", {}, title), place,
    heads && h("details", {}, h("summary", {}, "As a table"), simpleTable(title, heads, rows, true)));
}

// Charts are as wide as their place, so they are drawn when it is seen, and again in the other colours.
async function drawCharts() {
  const theme = document.documentElement.dataset.theme;
  for (const one of charts) {
    if (!one.place.isConnected || !one.place.clientWidth || one.drawn === theme) continue;
    one.drawn = theme;
    one.view?.finalize();
    one.view = await vegaEmbed(one.place, { width: "container", autosize: { type: "fit-x", contains: "padding" }, ...one.spec() }, { actions: false, renderer: "svg", config: look(), ast: false });
    one.place.querySelector("svg").setAttribute("aria-hidden", "true");
  }
  for (let at = charts.length - 1; at >= 0; at--) if (charts[at].drawn && !charts[at].place.isConnected) charts.splice(at, 1)[0].view?.finalize();
}

const ink = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const series = () => [1, 2, 3, 4, 5, 6, 7, 8].map(number => ink(`series-${number}`));

function look() {
  const text = { labelColor: ink("soft"), titleColor: ink("soft"), labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, labelFont: "system-ui", titleFont: "system-ui" };
  return {
    background: null, font: "system-ui", padding: 4,
    view: { stroke: null }, range: { category: series() },
    axis: { ...text, gridColor: ink("line"), domainColor: ink("line"), tickColor: ink("line"), labelLimit: 140 },
    legend: { ...text, orient: "top", symbolType: "circle", labelLimit: 220, columns: innerWidth < 640 ? 2 : 6 },
    header: text, text: { color: ink("ink"), font: "system-ui" },
    mark: { tooltip: true },
  };
}

const hoursChart = () => {
  const rows = page.minutes.map(row => ({ ...row, speaker: short(row.speaker) }));
  const few = speakers.length <= 16;
  const total = rows.reduce((sum, row) => sum + row.minutes, 0);
  return chart("Minutes by speaker and emotion", `${counted(speakers.length, "speaker")}, ${counted(emotions.length, "emotion")}, ${shown(total)} minutes in all; the table has each.`, () => ({
    height: (few ? 34 : 17) * speakers.length, data: { values: rows },
    encoding: { x: { field: "emotion", type: "nominal", title: null, axis: { orient: "top", labelAngle: emotions.length > 5 ? -35 : 0, domain: false, ticks: false } }, y: { field: "speaker", type: "nominal", title: null, axis: { domain: false, ticks: false } } },
    layer: [
      { mark: { type: "rect", cornerRadius: 5, stroke: ink("card"), strokeWidth: 3 },
        encoding: { color: { field: "minutes", type: "quantitative", scale: { range: [ink("accent-soft"), ink("accent")], domainMin: 0 }, legend: null }, tooltip: [{ field: "speaker" }, { field: "emotion" }, { field: "minutes" }, { field: "utterances" }] } },
      few && { mark: { type: "text", fontSize: 12, fontWeight: 600 }, encoding: { text: { field: "minutes", format: ".3~g" }, color: { condition: { test: `datum.minutes > ${(document.documentElement.dataset.theme === "dark" ? 0.45 : 0.72) * Math.max(...rows.map(row => row.minutes))}`, value: ink("on-accent") }, value: ink("ink") } } },
    ].filter(Boolean),
  }), ["speaker", "emotion", "minutes", "utterances"], rows.map(row => [row.speaker, row.emotion, row.minutes, row.utterances]));
};

function boxChart(name) {
  const { label, groups } = page.prosody[name];
  const bySpeaker = speakers.length > 1 && speakers.length <= 8;
  const rows = groups.filter(group => (group.speaker === "*") !== bySpeaker).map(group => ({ ...group, speaker: group.speaker === "*" ? "all" : short(group.speaker) }));
  const medians = groups.filter(group => group.speaker === "*").map(group => `${group.emotion} ${shown(group.q50)}`).join(", ");
  const field = name => ({ field: name, type: "quantitative", title: null, scale: { zero: false } });
  return chart(label[0].toUpperCase() + label.slice(1), `Medians: ${medians}.`, () => ({
    height: 210, data: { values: rows },
    encoding: {
      x: { field: "emotion", type: "nominal", title: null, axis: { labelAngle: emotions.length > 5 || innerWidth < 640 ? -35 : 0, domain: false, ticks: false } },
      xOffset: { field: "speaker", type: "nominal" },
      color: { field: "speaker", type: "nominal", title: null, legend: bySpeaker ? {} : null },
      tooltip: ["emotion", "speaker", "n", "q05", "q25", "q50", "q75", "q95"].map(name => ({ field: name })),
    },
    layer: [
      { mark: { type: "rule", strokeWidth: 1.5 }, encoding: { y: field("q05"), y2: { field: "q95" } } },
      { mark: { type: "bar", width: { band: .62 }, cornerRadius: 3, fillOpacity: .45, strokeWidth: 1.2 }, encoding: { y: field("q25"), y2: { field: "q75" }, stroke: { field: "speaker", type: "nominal", legend: null } } },
      { mark: { type: "tick", thickness: 2.5, width: { band: .62 } }, encoding: { y: field("q50") } },
    ],
  }), ["emotion", "speaker", "utterances", "5 %", "25 %", "median", "75 %", "95 %"], rows.map(row => [row.emotion, row.speaker, row.n, row.q05, row.q25, row.q50, row.q75, row.q95]));
}

function histogramChart(measure) {
  const bins = measure.counts.map((n, at) => ({ from: measure.edges[at], to: measure.edges[at + 1], n }));
  const limits = ["min", "max"].filter(side => measure[side] != null).map(side => ({ at: measure[side], side: `${side === "min" ? "least" : "most"} allowed: ${measure[side]}` }));
  const said = limits.length ? `${limits.map(limit => limit.side).join(", ")}; ${counted(measure.beyond, "utterance")} beyond` : "no limit set";
  if (measure.same) return h("figure", {}, h("figcaption", {}, measure.label[0].toUpperCase() + measure.label.slice(1)), h("p", { class: "soft" }, `${shown(measure.q50)} for all; ${said}.`));
  // limits far away would squeeze the bars
  const span = measure.edges.at(-1) - measure.edges[0];
  const near = limits.filter(limit => limit.at > measure.edges[0] - span / 2 && limit.at < measure.edges.at(-1) + span / 2);
  return chart(measure.label[0].toUpperCase() + measure.label.slice(1), `${counted(measure.n, "utterance")}, median ${shown(measure.q50)}, 90 % between ${shown(measure.q05)} and ${shown(measure.q95)}; ${said}.`, () => ({
    height: 150,
    layer: [
      { data: { values: bins }, mark: { type: "bar", color: ink("series-2"), binSpacing: 1 },
        encoding: { x: { field: "from", type: "quantitative", bin: { binned: true }, title: null, axis: { tickCount: 4, grid: false }, scale: { zero: false, nice: false } }, x2: { field: "to" }, y: { field: "n", type: "quantitative", title: "utterances", axis: { tickCount: 4 } }, tooltip: [{ field: "from" }, { field: "to" }, { field: "n", title: "utterances" }] } },
      ...near.map(limit => ({ data: { values: [limit] }, mark: { type: "rule", color: ink("accent"), strokeWidth: 2, strokeDash: [5, 3] }, encoding: { x: { field: "at", type: "quantitative" }, tooltip: { field: "side" } } })),
    ],
  }), ["from", "to", "utterances"], bins.map(bin => [shown(bin.from), bin.to, bin.n]));
}

function curveChart(loss) {
  const lines = page.curves.filter(curve => curve.loss === loss);
  const points = lines.flatMap(line => line.steps.map((step, at) => ({ step, value: line.values[at], split: line.split })));
  const ends = lines.filter(line => line.values.length).map(line => `${line.split} ends at ${shown(line.values.at(-1))}`).join(", ");
  return chart(plain(loss), `Loss against optimiser step: ${ends}.`, () => ({
    height: 130, data: { values: points.filter(point => point.value > 0) },
    layer: [{ mark: { type: "line", strokeWidth: 1.8 } }, { transform: [{ filter: { field: "split", equal: "validation" } }], mark: { type: "point", filled: true, size: 26 } }],
    encoding: {
      x: { field: "step", type: "quantitative", title: null, axis: { tickCount: 4, grid: false } },
      y: { field: "value", type: "quantitative", title: null, scale: { type: "log", nice: false }, axis: { tickCount: 4, format: ".2~g" } },
      color: { field: "split", type: "nominal", title: null, legend: null, scale: { domain: ["train", "validation"], range: [ink("series-8"), ink("series-1")] } },
      tooltip: [{ field: "split" }, { field: "step" }, { field: "value" }],
    },
  }));
}

function scoreChart(measure) {
  const found = page.scores.filter(score => score.measure === measure);
  const rows = found.flatMap(score => [
    { group: "all", kind: score.kind, mean: score.mean, low: score.low, high: score.high },
    ...Object.entries(score.by_emotion).map(([group, value]) => typeof value === "number" ? { group, kind: score.kind, mean: value } : { group, kind: score.kind, ...value }),
  ]).filter(row => row.mean != null);
  const kinds = Object.keys(kindColours()).filter(kind => rows.some(row => row.kind === kind));
  return chart(measureName(measure), `${found[0].description || "By emotion"}. ${rows.filter(row => row.group === "all").map(row => `${row.kind} ${shown(row.mean)}`).join(", ")}.`, () => ({
    height: 15 * kinds.length * unique(rows.map(row => row.group)).length, data: { values: rows },
    encoding: {
      y: { field: "group", type: "nominal", title: null, sort: ["all", ...emotions], axis: { domain: false, ticks: false, grid: true } }, yOffset: { field: "kind", type: "nominal", sort: kinds },
      color: { field: "kind", type: "nominal", legend: null, scale: { domain: kinds, range: kinds.map(kind => ink(`series-${kindColours()[kind]}`)) } },
      tooltip: ["group", "kind", "mean", "low", "high"].map(field => ({ field })),
    },
    layer: [
      { transform: [{ filter: "isValid(datum.low)" }], mark: { type: "rule", strokeWidth: 2 }, encoding: { x: { field: "low", type: "quantitative", title: null }, x2: { field: "high" } } },
      { mark: { type: "point", filled: true, size: 70 }, encoding: { x: { field: "mean", type: "quantitative", title: null, scale: { zero: false, padding: 8 }, axis: { tickCount: 6 } } } },
    ],
  }), ["group", "kind", "mean", "low", "high"], rows.map(row => [row.group, row.kind, row.mean, row.low ?? null, row.high ?? null]));
}

function contourChart(panel, what, label) {
  const heard = panel[what], asked = panel[`asked_${what}`];
  const line = (values, name) => values.map((value, frame) => ({ time: (frame + .5) * page.hop_s, value, name }));
  return chart(label, "Asked for and found in the model's sound, over time; the measures below sum it up.", () => ({
    height: 120, data: { values: [...line(asked, "asked"), ...line(heard, "came out")] },
    mark: { type: "line", strokeWidth: 2, invalid: "break-paths-show-domains" },
    encoding: {
      x: { field: "time", type: "quantitative", title: "s", axis: { tickCount: 6, grid: false } },
      y: { field: "value", type: "quantitative", title: null, scale: { zero: false }, axis: { tickCount: 4 } },
      color: { field: "name", type: "nominal", legend: null, scale: { domain: ["asked", "came out"], range: [ink("series-5"), ink("series-6")] } },
      strokeDash: { field: "name", type: "nominal", legend: null, scale: { domain: ["asked", "came out"], range: [[4, 3], [1, 0]] } },
    },
  }));
}

// `span` is the least that the axis covers, so that a hair's breadth does not look like a mountain.
function ladderChart(rows, field, label, span) {
  const values = rows.map(row => row[field]).filter(value => value != null), low = Math.min(...values), high = Math.max(...values), reach = Math.max(span, 1.15 * (high - low)) / 2;
  const domain = [(low + high) / 2 - reach, (low + high) / 2 + reach];
  return chart(label, rows.map(row => `intensity ${row.intensity}: ${shown(row[field])}`).join(", ") + ".", () => ({
    height: 130, data: { values: rows.map(row => ({ intensity: row.intensity, value: row[field] })) },
    mark: { type: "line", point: { size: 60, filled: true, color: ink("series-1") }, color: ink("series-1"), strokeWidth: 2 },
    encoding: { x: { field: "intensity", type: "quantitative", axis: { values: rows.map(row => row.intensity), grid: false } }, y: { field: "value", type: "quantitative", title: null, scale: { domain, nice: false }, axis: { tickCount: 4 } } },
  }), ["intensity", label], rows.map(row => [String(row.intensity), row[field]]));
}
