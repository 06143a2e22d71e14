// Listen: every utterance in a table to filter and sort; recording, copy-synthesis and model of those with sound.

const BRIEF = { real: "real", copy: "copy", model: "model" };

function listen(panel) {
  const all = page.utterances, count = all.utterance_id.length;
  const of = (name, row) => all[name].names[all[name].codes[row]];
  const heard = Array.from({ length: count }, (_, row) => all.clip[row] == null ? [] : soundsOf(all.clip[row]));
  const words = Array.from({ length: count }, (_, row) => `${all.text[row]} ${all.utterance_id[row]}`.toLowerCase());
  const wanted = { words: [], speaker: "", emotion: "", split: "", sound: heard.some(kinds => kinds.length) ? "any" : "" };
  let last = "model";

  const fits = row => (!wanted.speaker || of("speaker", row) === wanted.speaker) && (!wanted.emotion || of("emotion", row) === wanted.emotion) && (!wanted.split || of("split", row) === wanted.split)
    && (!wanted.sound || (wanted.sound === "any" ? heard[row].length > 0 : heard[row].includes(wanted.sound))) && wanted.words.every(word => words[row].includes(word));
  const filter = name => value => { wanted[name] = value; table.refresh(); };
  const scalar = (name, head, place = "extra") => all[name]?.some(value => value != null) && { head, number: true, place, key: row => all[name][row], cell: row => shown(all[name][row]) };

  const side = h("div", { class: "side card", "aria-live": "polite" }, h("p", { class: "soft" }, "Choose an utterance to see its mel, pitch, words and phones, and what was asked against what came out."));
  const table = bigTable({
    caption: "Utterances", size: innerWidth < 640 ? 10 : 30, rows: () => Array.from({ length: count }, (_, row) => row).filter(fits),
    onopen: row => show(row),
    onspace: row => { const kind = heard[row].includes(last) ? last : heard[row].at(-1); if (kind) playing ? stop() : play(all.clip[row], kind, table.element.querySelector(`tr[data-row="${row}"] [data-kind="${kind}"]`)); },
    columns: [
      { head: "utterance", style: "text", key: row => all.text[row], cell: row => [h("span", { dir: "auto" }, all.text[row]), h("div", { class: "narrow soft small" }, short(of("speaker", row)), " · ", tag(of("emotion", row))), heard[row].length > 0 && h("span", { class: "plays" }, heard[row].map(kind => playButton(all.clip[row], kind, all.text[row], BRIEF[kind])))] },
      { head: "speaker", place: "wide", style: "who", key: row => of("speaker", row), cell: row => short(of("speaker", row)) },
      { head: "emotion", place: "wide", key: row => of("emotion", row), cell: row => tag(of("emotion", row)) },
      { head: "split", place: "extra", key: row => of("split", row), cell: row => of("split", row) },
      scalar("duration_s", "length, s", "wide"), scalar("log_mel_distance_db", "distance, dB", ""), scalar("f0_rmse_cents", "F0 error, cents"),
      scalar("f0_median_hz", "F0, Hz"), scalar("f0_spread_semitones", "F0 spread, semitones"), scalar("energy_db", "energy, dB"), scalar("phone_rate_hz", "phones a second"),
    ].filter(Boolean),
  });

  function show(row) {
    const back = h("button", { class: "button narrow", type: "button", onclick: () => table.element.querySelector("[aria-current]")?.focus() }, "Back to the table");
    const details = h("div", {}, h("h2", { class: "quote", dir: "auto" }, all.text[row]), h("p", { class: "soft small" }, of("speaker", row), " · ", tag(of("emotion", row)), ` · ${of("split", row)} · `, h("code", {}, all.utterance_id[row])),
      facts([["length", `${shown(all.duration_s[row])} s`], ["F0, median", all.f0_median_hz[row] != null && `${shown(all.f0_median_hz[row])} Hz`], ["from the recording", all.log_mel_distance_db?.[row] != null && `${shown(all.log_mel_distance_db[row])} dB log-mel, F0 ${shown(all.f0_rmse_cents[row])} cents`]].filter(([, value]) => value)));
    side.replaceChildren(...(all.clip[row] == null ? [details, h("p", { class: "soft" }, "No sound of it in this page: report.examples in params.yaml says how many have.")] : [...clipView(all.clip[row], details), otherEmotions(all.text[row], of("speaker", row)), back].filter(Boolean)));
    drawCharts();
    if (innerWidth < 1180) side.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }

  table.element.addEventListener("click", event => { last = event.target.dataset?.kind ?? last; }, true);
  const search = h("input", { type: "search", autocomplete: "off", placeholder: "words or id", oninput: () => { wanted.words = search.value.toLowerCase().split(/\s+/).filter(Boolean); table.refresh(); } });
  const names = (name, each = value => value) => [["", "all"], ...all[name].names.map(value => [value, each(value)])];
  const sound = choice("Sound", [["", "all utterances"], ["any", "with sound"], ["model", "spoken by the model"]], filter("sound"));
  sound.querySelector("select").value = wanted.sound;
  table.refresh();
  fill(panel,
    h("h1", {}, "Listen"),
    h("p", { class: "soft" }, "Arrow keys walk through the rows, ", h("kbd", {}, "Enter"), " opens one, ", h("kbd", {}, "Space"), " plays it. ", page.synthesize ? "Copy is the recording's own mel through the vocoder." : ""),
    page.synthesize ? null : note("Nothing synthesised yet, so recordings alone can be heard. Run `dvc repro synthesize`."),
    h("div", { class: "workbench" },
      h("div", { class: "card" }, h("div", { class: "filters" }, h("label", { class: "field grow whole" }, "Search", search), choice("Speaker", names("speaker", short), filter("speaker")), choice("Emotion", names("emotion"), filter("emotion")), choice("Split", names("split"), filter("split")), sound,
          h("label", { class: "check" }, h("input", { type: "checkbox", onchange: event => table.element.classList.toggle("all", event.target.checked) }), "More columns")), table.element,
        all.hidden ? h("p", { class: "soft small" }, `${counted(all.hidden, "further utterance")} are not listed: report.listed in params.yaml.`) : null),
      side),
  );
}

// The same sentence as the model speaks it in other emotions, where the showcase has it.
function otherEmotions(text, speaker) {
  const rows = page.showcase.filter(row => row.set === "grid" && row.text === text && row.speaker === speaker);
  return rows.length > 0 && h("div", {}, h("h3", {}, "The same sentence in every emotion"), h("div", { class: "filters" }, rows.map(row => playButton(row.clip, "model", `${row.text}, ${row.emotion}`, row.emotion))));
}
