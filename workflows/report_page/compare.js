// Compare: one sentence in every emotion, one emotion at rising intensity, and mixes, side by side.

const SETS = {
  grid: ["Every emotion", "The same sentence, from the same noise, in each emotion."],
  ladder: ["Intensity", "One emotion at rising intensity: 0 is none, 1 as learned, 2 as far again."],
  mix: ["Mixes", "Emotions in between, and one that turns into another along the sentence."],
};

function compare(panel) {
  panel.append(h("h1", {}, "Compare"));
  if (!page.showcase.length) {
    panel.append(note("Nothing to compare yet. Run `dvc repro showcase`, which speaks some sentences in every emotion, at rising intensity, and in mixes."));
    return;
  }
  const side = h("div", { class: "side card", "aria-live": "polite" }, h("p", { class: "soft" }, "Choose a rendering to see its mel, and what was asked against what came out."));
  const names = unique([...Object.keys(SETS), ...page.showcase.map(row => row.set)]).filter(name => page.showcase.some(row => row.set === name));
  const bench = h("div", { class: "workbench" });
  const open = (row, button) => {
    if (innerWidth < 1180) button.closest(".card").after(side); else bench.append(side);  // beside the tables, or under the one in use
    side.replaceChildren(...clipView(row.clip, h("div", {}, h("h2", { class: "quote", dir: "auto" }, row.text), facts([["speaker", short(row.speaker)], ["emotion", tag(row.emotion)], ["intensity", shown(row.intensity)], ["prosody", row.prosody], ["median F0", row.f0_median_hz != null && `${shown(row.f0_median_hz)} Hz`], ["rate", `${shown(row.phone_rate_hz)} phones a second`], ["energy", `${shown(row.energy_db)} dB`]]))));
    drawCharts();
  };
  fill(bench, h("div", {}, names.map(name => setCard(name, page.showcase.filter(row => row.set === name), open))), side);
  panel.append(bench);
  if (page.requests_unheard) panel.append(h("p", { class: "soft" }, `${counted(page.requests_unheard, "further request")} of the table stand in data/synthesize: report.examples in params.yaml says how many are heard here.`));
}

function setCard(name, rows, open) {
  if (name !== "grid" && name !== "ladder") return listCard(name, rows, open);
  const [heading, about] = SETS[name];
  const column = name === "ladder" ? row => row.intensity : row => row.emotion;
  const line = name === "ladder" ? row => [row.text, row.speaker, row.emotion, row.prosody] : row => [row.text, row.speaker, row.prosody];
  const heads = unique(rows.map(column)).sort(name === "ladder" ? (a, b) => a - b : undefined);
  const lines = unique(rows.map(row => JSON.stringify(line(row))));
  const cellOf = (key, head) => rows.find(row => JSON.stringify(line(row)) === key && column(row) === head);
  const body = lines.map(key => {
    const [text, speaker, ...more] = JSON.parse(key);
    const cells = heads.map(head => h("td", {}, cell(cellOf(key, head), open)));
    const buttons = cells.map(one => one.querySelector(".play")).filter(Boolean);
    return h("tr", {}, h("th", { scope: "row" }, h("span", { dir: "auto" }, text), h("div", { class: "soft" }, [short(speaker), ...more].join(" · ")), h("button", { class: "quiet small", type: "button", "aria-label": `Play in turn: ${text}`, onclick: () => playInTurn(buttons) }, "play in turn")), cells);
  });
  const table = h("table", { class: "cells" }, h("caption", { class: "sr" }, about), h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "sentence"), heads.map(head => h("th", { scope: "col" }, name === "ladder" ? `${head}` : tag(head))))), h("tbody", {}, body));
  return card(heading, h("p", { class: "soft small" }, about), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": heading }, table), name === "ladder" && ladders(rows));
}

// Renderings that no two lines share: one a line.
function listCard(name, rows, open) {
  const [heading, about] = SETS[name] ?? [name, "As requested."];
  const line = row => h("tr", {}, h("th", { scope: "row" }, h("span", { dir: "auto" }, row.text), h("div", { class: "soft" }, `${short(row.speaker)} · ${row.prosody}`)), h("td", {}, tag(row.emotion)), h("td", { class: "n" }, shown(row.intensity)), h("td", {}, cell(row, open)));
  const table = h("table", { class: "cells" }, h("caption", { class: "sr" }, about), h("thead", {}, h("tr", {}, ["sentence", "emotion", "intensity", "sound"].map(head => h("th", { scope: "col" }, head)))), h("tbody", {}, rows.map(line)));
  return card(heading, h("p", { class: "soft small" }, about), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": heading }, table));
}

function cell(row, open) {
  if (!row) return "–";
  const button = playButton(row.clip, "model", `${row.text}, ${row.emotion}, intensity ${row.intensity}`, "play");
  button.addEventListener("click", () => open(row, button));
  return [button, h("div", { class: "soft" }, row.f0_median_hz != null ? `${shown(row.f0_median_hz)} Hz` : "unvoiced", h("br"), `${shown(row.energy_db)} dB`, h("br"), `${shown(row.phone_rate_hz)}/s`)];
}

// What intensity does, over all sentences of an emotion: means of what is found in the sound.
function ladders(rows) {
  const mean = (values) => values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
  const fields = { f0_median_hz: ["median F0, Hz", 40], f0_spread_semitones: ["spread of F0, semitones", 2], energy_db: ["energy, dB", 6], phone_rate_hz: ["phones a second", 3] };
  return unique(rows.map(row => row.emotion)).map(emotion => {
    const steps = unique(rows.filter(row => row.emotion === emotion).map(row => row.intensity)).sort((a, b) => a - b);
    const points = steps.map(intensity => ({ intensity, ...Object.fromEntries(Object.keys(fields).map(field => [field, mean(rows.filter(row => row.emotion === emotion && row.intensity === intensity).map(row => row[field]).filter(value => value != null))])) }));
    return [h("h3", {}, "What intensity does: ", tag(emotion)), h("div", { class: "many" }, Object.entries(fields).map(([field, [label, span]]) => ladderChart(points, field, label, span)))];
  });
}
