// Elements, numbers and words. Texts of a corpus become text nodes, never markup.

const page = JSON.parse(document.getElementById("document").textContent);

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  return fill(element, ...children);
}

function fill(element, ...children) {
  element.append(...children.flat(Infinity).filter(child => child != null && child !== false));
  return element;
}

const shown = (value, digits = 3) =>
  value == null ? "–" : Math.abs(value) >= 1e5 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(digits)).toLocaleString("en", { maximumFractionDigits: 6 });
const counted = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
const unique = values => [...new Set(values)];
const short = speaker => corpora.length > 1 ? speaker : speaker.slice(speaker.indexOf("/") + 1);
const corpora = unique(page.minutes.map(row => row.speaker.split("/")[0]));
const emotions = unique(page.minutes.map(row => row.emotion)).sort();
const speakers = unique(page.minutes.map(row => row.speaker)).sort();
const plain = name => name.replaceAll("_", " ");
const UNITS = { db: "dB", hz: "Hz", cents: "cents", ms: "ms", s: "s" }, TERMS = { f0: "F0", rmse: "RMS error", mae: "mean error", mcd: "MCD", mos: "MOS", dtw: "DTW" };
function measureName(name) {
  const parts = name.split("_"), unit = UNITS[parts.at(-1)];
  return parts.slice(0, unit ? -1 : undefined).map(part => TERMS[part] ?? part).join(" ") + (unit ? `, ${unit}` : "");
}

const note = text => h("p", { class: "note" }, ...text.split("`").map((part, at) => at % 2 ? h("code", {}, part) : part));
const card = (heading, ...children) => h("section", { class: "card" }, heading && h("h2", {}, heading), ...children);
const facts = pairs => h("dl", { class: "facts" }, pairs.filter(([, value]) => value != null && value !== "").map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

const DOTS = { angry: 1, sad: 2, disgusted: 3, fearful: 4, happy: 5, calm: 6, surprised: 7, neutral: 8 };
const dotOf = emotion => `var(--series-${DOTS[emotion] ?? 1 + (emotions.indexOf(emotion) + 8) % 8})`;
function tag(emotion) {
  const parts = emotion.match(/[a-z_]+/g) ?? [emotion];
  const mix = emotion.replace(/([a-z_]+):([\d.]+)/g, (_, name, share) => `${Math.round(100 * share)} % ${name}`).replaceAll(",", ", ").replaceAll(" > ", " → ");
  const element = h("span", { class: "tag" }, mix);
  element.style.setProperty("--dot", parts.length > 1 ? `linear-gradient(90deg, ${parts.map(dotOf)})` : dotOf(parts[0]));
  return element;
}

function simpleTable(caption, heads, rows, tall = false) {
  const cell = (value, column) => column ? h("td", typeof value === "number" || value == null ? { class: "n" } : {}, typeof value === "number" || value == null ? shown(value) : value)
    : h("th", { scope: "row" }, value);
  const table = h("table", {}, h("caption", {}, caption),
    h("thead", {}, h("tr", {}, heads.map((head, column) => h("th", { scope: "col", class: column && rows.every(row => typeof row[column] === "number" || row[column] == null) && "n" }, head)))),
    h("tbody", {}, rows.map(row => h("tr", {}, row.map(cell)))));
  return h("div", { class: tall ? "scroll tall" : "scroll", tabindex: "0", role: "region", "aria-label": caption }, table);
}

function choice(label, options, onchange) {
  const select = h("select", { onchange: () => onchange(select.value) }, options.map(([value, text]) => h("option", { value }, text)));
  return h("label", { class: "field" }, label, select);
}
