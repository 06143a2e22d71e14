// Overview: what there is, how good it is, how it was learned, what it was made from.

function overview(panel) {
  const { totals, training, scores } = page;
  const splits = Object.entries(totals.splits).map(([name, n]) => `${n.toLocaleString("en")} ${name}`).join(", ");
  fill(panel,
    h("h1", {}, corpora.join(", ")),
    h("p", { class: "lead" }, h("strong", {}, `${shown(totals.hours >= 1 ? totals.hours : totals.hours * 60)} ${totals.hours >= 1 ? "hours" : "minutes"}`), ` of speech in ${totals.languages.join(", ")}: ${splits}. `,
      totals.texts_in_several_splits ? `${counted(totals.texts_in_several_splits, "sentence")} stand in more than one split, so scores on them flatter.` : "No sentence stands in two splits."),
    h("dl", { class: "numbers" }, [
      [totals.utterances, totals.has_features ? "utterances kept" : "utterances"], [totals.speakers, totals.speakers === 1 ? "speaker" : "speakers"], [totals.emotions, totals.emotions === 1 ? "emotion" : "emotions"],
      [totals.rejected, "rejected, each with a reason"], [training ? training.steps : "–", "training steps"],
    ].map(([value, name]) => h("div", {}, h("dt", {}, name), h("dd", {}, typeof value === "number" ? value.toLocaleString("en") : value)))),
    totals.has_features ? null : note("No features yet. Run `dvc repro extract`."),
    h("div", { class: "two" }, h("div", {}, scoresCard(scores), versionsCard()), heardCard()),
    scores.length ? card("By emotion", h("p", { class: "soft small" }, "Means and their 95 % bootstrap intervals."), legend(Object.entries(kindColours())), scoreCharts()) : null,
    trainingCard(),
  );
}

// A measure of each kind of fault comes first; the others are a click away.
const FIRST = ["log_mel_distance_db", "mcd_dtw_db", "f0_rmse_cents", "voicing_error", "energy_rmse_db", "control_f0_rmse_cents", "emotion_recognised", "word_error_rate", "speaker_similarity", "predicted_mos", "predicted_duration_mae_ms"];

function legend(names) {
  return h("p", { class: "legend" }, names.map(([name, number]) => {
    const line = h("i");
    line.style.borderTopColor = `var(--series-${number})`;
    return h("span", {}, line, name);
  }));
}

const kindColours = () => Object.fromEntries(Object.entries({ real: 3, copy: 2, model: 1 }).filter(([kind]) => page.scores.some(score => score.kind === kind)));
function measuresOf(scores) {
  const names = unique(scores.map(score => score.measure)), first = FIRST.filter(name => names.includes(name));
  return { first, others: names.filter(name => !first.includes(name)) };
}

function scoresCard(scores) {
  if (!scores.length) return card("How close is it?", note(page.synthesize ? "Not evaluated yet. Run `dvc repro evaluate`." : "Nothing synthesised yet. Run `dvc repro evaluate`, which trains and synthesises first."));
  const kinds = Object.keys(kindColours());
  const of = (measure, kind) => scores.find(score => score.measure === measure && score.kind === kind);
  const value = score => score ? [shown(score.mean), " ", h("span", { class: kinds.length > 2 ? "ci below" : "ci" }, `${shown(score.low)} to ${shown(score.high)}`)] : "–";
  const { synthesize } = page, { first, others } = measuresOf(scores);
  const table = (caption, names) => h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, h("table", {}, h("caption", { class: "sr" }, caption),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "measure"), kinds.map(kind => h("th", { scope: "col", class: "n" }, kind)))),
    h("tbody", {}, names.map(measure => h("tr", {}, h("th", { scope: "row" }, measureName(measure)), kinds.map(kind => h("td", { class: "n" }, value(of(measure, kind)))))))));
  return card("How close is it?",
    h("p", { class: "soft small" }, `The ${synthesize?.split ?? "chosen"} split spoken again, ${synthesize?.prosody === "predicted" ? "with predicted durations, pitch and energy" : "with the recordings' own durations, pitch and energy"}, and measured against the recordings. `,
      kinds.includes("real") && "Real is the recording itself. ", "Copy is the recording's own mel through the vocoder: the floor that the vocoder sets. Mean, and its 95 % interval."),
    table("Measures of synthesis", first),
    others.length > 0 && h("details", {}, h("summary", {}, `${others.length} more measures`), table("More measures of synthesis", others)),
    h("details", {}, h("summary", {}, "What the measures are"), facts([...first, ...others].map(measure => [measureName(measure), scores.find(score => score.measure === measure).description]))));
}

function scoreCharts() {
  const { first, others } = measuresOf(page.scores);
  const many = names => h("div", { class: "many" }, names.map(scoreChart));
  const fill = event => { if (event.target.open && event.target.children.length === 1) { event.target.append(many(others)); drawCharts(); } };
  return [many(first), others.length > 0 && h("details", { ontoggle: fill }, h("summary", {}, `${others.length} more measures`))];
}

const versionsCard = () => card("Versions", h("p", { class: "soft small" }, "What this page was made from."), facts(Object.entries(page.versions).map(([name, value]) => [name, h("code", {}, value)])));

// The utterance whose distance is the middle one of those with a model's sound: neither the best nor the worst.
function heardCard() {
  const { clip, log_mel_distance_db: distance = [], text, speaker, emotion } = page.utterances;
  const rows = clip.map((number, row) => row).filter(row => clip[row] != null && soundsOf(clip[row]).includes("model")).sort((a, b) => (distance[a] ?? 0) - (distance[b] ?? 0) || a - b);
  if (!rows.length) return null;
  const row = rows[Math.floor(rows.length / 2)];
  return card("A middling example", clipView(clip[row], h("div", {}, h("p", { class: "quote", dir: "auto" }, text[row]), h("p", { class: "soft small" }, short(speaker.names[speaker.codes[row]]), " · ", tag(emotion.names[emotion.codes[row]]), distance[row] != null && ` · ${shown(distance[row])} dB from the recording, the median of those heard here`)), false));
}

function trainingCard() {
  const { training, curves } = page;
  if (!curves.length) return card("Training", note("Nothing trained yet. Run `dvc repro train`."));
  const losses = unique(curves.map(curve => curve.loss)).sort((a, b) => (b === "total") - (a === "total") || a.localeCompare(b));
  const parameters = training?.parameters?.total;
  return card("Training",
    h("p", { class: "soft small" }, training ? `${counted(training.steps, "step")}${training.minutes != null ? ` in ${shown(training.minutes)} minutes` : ""}${training.device ? ` on ${training.device}` : ""}${parameters ? `; ${parameters.toLocaleString("en")} parameters` : ""}. ` : "", "Losses against optimiser step, on a logarithmic scale: of the training batch, and of the validation split with averaged weights."),
    legend([["train", 8], ["validation", 1]].filter(([split]) => curves.some(curve => curve.split === split))),
    h("div", { class: "many" }, losses.map(curveChart)));
}
