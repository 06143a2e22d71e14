// What one utterance sounds and looks like: players, mels with pitch, phones and words, and what was asked against what came out.

const KINDS = { real: "recording", copy: "copy-synthesis", model: "model" };
const MEL_HEIGHT = 150, LANE = 17, BRIGHTEST_LN = .5;
const clips = new Map(), urls = new Map();
let playing = null;  // { audio, button }

const soundsOf = number => Object.keys(KINDS).filter(kind => page.sounds[number].includes(kind));

function clipOf(number) {
  if (!clips.has(number)) clips.set(number, JSON.parse(document.getElementById(`clip-${number}`).textContent));
  return clips.get(number);
}

function soundOf(number, kind) {
  const key = `${number} ${kind}`;
  if (!urls.has(key)) {
    const bytes = Uint8Array.from(atob(clipOf(number).sounds[kind]), letter => letter.charCodeAt(0));
    urls.set(key, URL.createObjectURL(new Blob([bytes], { type: "audio/mpeg" })));
  }
  return urls.get(key);
}

function stop() {
  if (!playing) return;
  playing.audio.pause();
  playing.button?.setAttribute("aria-pressed", "false");
  playing = null;
}

// Play a sound from its start; a second press of the same button stops it. Resolves to whether it was heard to its end.
function play(number, kind, button = null) {
  const again = playing?.button && playing.button === button;
  stop();
  if (again) return Promise.resolve(false);
  const audio = new Audio(soundOf(number, kind)), mine = { audio, button };
  playing = mine;
  button?.setAttribute("aria-pressed", "true");
  return new Promise(resolve => {
    const end = heard => { button?.setAttribute("aria-pressed", "false"); if (playing === mine) playing = null; resolve(heard); };
    audio.addEventListener("ended", () => end(true));
    audio.addEventListener("pause", () => audio.ended || end(false));
    audio.play().catch(() => end(false));
  });
}

async function playInTurn(buttons) {
  for (const button of buttons) if (!await play(Number(button.dataset.clip), button.dataset.kind, button)) return;
}

document.addEventListener("play", event => {
  for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
  if (playing && playing.audio !== event.target) stop();
}, true);

function playButton(number, kind, name, label = KINDS[kind]) {
  return h("button", { class: "play", type: "button", "data-clip": number, "data-kind": kind, "aria-pressed": "false", "aria-label": `Play ${KINDS[kind]} of ${name}`, title: KINDS[kind],
    onclick: event => { event.stopPropagation(); play(number, kind, event.currentTarget); } }, label);
}

function clipView(number, details, contours = true) {
  const clip = clipOf(number), darkest_ln = Math.min(...clip.panels.map(panel => panel.mel.black_ln));
  for (const panel of clip.panels) panel.darkest_ln = darkest_ln;
  const players = soundsOf(number).map(kind => h("div", {}, h("span", {}, KINDS[kind]), h("audio", { controls: true, preload: "none", "aria-label": KINDS[kind], "data-kind": kind, src: soundOf(number, kind) })));
  const longest = Math.max(...clip.panels.map(framesOf), 1);
  const model = clip.panels.find(panel => panel.gap);
  return [
    details,
    h("div", { class: "players" }, players.length ? players : "Its recording could not be read when the page was made."),
    clip.panels.map(panel => melFigure(panel, longest, players)),
    model && contours && [
      h("h3", {}, "Asked for, and what came out"),
      h("p", { class: "legend" }, h("span", {}, h("i", { class: "dashed" }), "asked for"), h("span", {}, h("i", { class: "heard" }), "came out")),
      h("div", { class: "two" }, contourChart(model, "f0_hz", "F0, Hz"), contourChart(model, "energy_db", "Energy, dB")),
      facts([["F0 error", model.gap.f0_rmse_cents != null && `${shown(model.gap.f0_rmse_cents)} cents where both are voiced`], ["F0 correlation", shown(model.gap.f0_correlation)],
        ["Voicing differs in", model.gap.voicing_error != null && `${shown(100 * model.gap.voicing_error)} % of frames`], ["Energy error", model.gap.energy_rmse_db != null && `${shown(model.gap.energy_rmse_db)} dB`]]),
    ],
    clip.panels.length > 0 && h("details", {}, h("summary", {}, "Words and phones with their times"), clip.panels.map(panel => simpleTable(`Words and phones of the ${panel.title}`, ["phone", "from, s", "to, s", "word"], timesOf(panel), true))),
  ].flat(2).filter(Boolean);
}

const framesOf = panel => panel.duration_frames.reduce((sum, frames) => sum + frames, 0);

function startsOf(panel) {
  let frame = 0;
  return [...panel.duration_frames.map(frames => (frame += frames) - frames), frame];
}

function timesOf(panel) {
  const starts = startsOf(panel);
  const wordAt = at => panel.words.find(([, first, count]) => at >= first && at < first + count)?.[0] ?? "";
  return panel.phones.map((phone, at) => [phone, Number((starts[at] * page.hop_s).toFixed(3)), Number((starts[at + 1] * page.hop_s).toFixed(3)), wordAt(at)]);
}

function melFigure(panel, longest, players) {
  const asked = panel.asked_f0_hz;
  const voiced = panel.f0_hz.filter(value => value != null);
  const said = `Mel spectrogram of the ${panel.title}, ${shown(framesOf(panel) * page.hop_s)} s, F0 ${voiced.length ? `${Math.min(...voiced)} to ${Math.max(...voiced)} Hz` : "unvoiced throughout"}; words: ${panel.words.map(word => word[0]).join(" ") || "not aligned"}.`;
  const canvas = h("canvas", { role: "img", "aria-label": said }), head = h("div", { class: "head" });
  const holder = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Picture of the ${panel.title}` }, h("div", { class: "mel" }, canvas, head));
  const draw = () => drawMel(canvas, panel, longest, holder.clientWidth);
  new ResizeObserver(draw).observe(holder);
  canvas.redraw = draw;
  const kind = panel.title === "model" ? ["model"] : ["real", "copy"];
  for (const audio of players.map(player => player.querySelector("audio")).filter(audio => kind.includes(audio.dataset.kind))) follow(audio, head, canvas, longest);
  return h("div", {}, h("div", { class: "legend" }, h("b", {}, panel.title[0].toUpperCase() + panel.title.slice(1)), h("span", {}, h("i"), asked ? "F0 that came out" : "F0"), asked && h("span", {}, h("i", { class: "asked" }), "F0 asked for")), holder);
}

function follow(audio, head, canvas, longest) {
  const step = () => {
    head.style.display = audio.paused ? "none" : "block";
    head.style.height = `${MEL_HEIGHT}px`;
    head.style.left = `${audio.currentTime / (longest * page.hop_s) * canvas.clientWidth}px`;
    if (!audio.paused) requestAnimationFrame(step);
  };
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) { audio.addEventListener("play", step); audio.addEventListener("pause", step); }
}

// matplotlib's magma (CC0) at nine points, the colours between them blended
const MAGMA = ["000004", "1d1147", "51127c", "832681", "b73779", "e75263", "fc8961", "fec488", "fcfdbf"].map(colour => [0, 2, 4].map(at => parseInt(colour.slice(at, at + 2), 16)));

function magmaAt(level) {
  const place = Math.max(0, Math.min(.9999, level)) * (MAGMA.length - 1), below = Math.floor(place);
  return MAGMA[below].map((part, at) => part + (place - below) * (MAGMA[below + 1][at] - part));
}

// `darkest_ln` is common to the panels of a clip, so that they can be compared
async function coloured(mel, darkest_ln) {
  const image = new Image();
  image.src = `data:image/png;base64,${mel.png}`;
  await image.decode();
  const sheet = h("canvas", { width: image.width, height: image.height }), pen = sheet.getContext("2d", { willReadFrequently: true });
  pen.drawImage(image, 0, 0);
  const pixels = pen.getImageData(0, 0, sheet.width, sheet.height);
  for (let at = 0; at < pixels.data.length; at += 4) {
    const value_ln = mel.black_ln + mel.step_ln * pixels.data[at];
    [pixels.data[at], pixels.data[at + 1], pixels.data[at + 2]] = magmaAt(Math.max(0, (value_ln - darkest_ln) / (BRIGHTEST_LN - darkest_ln)) ** 1.35);
  }
  pen.putImageData(pixels, 0, 0);
  return sheet;
}

async function drawMel(canvas, panel, longest, room) {
  if (!room) return;
  panel.picture ??= coloured(panel.mel, panel.darkest_ln);
  const picture = await panel.picture;
  const width = Math.max(room, longest * page.hop_s * 170), height = MEL_HEIGHT + 2 * LANE + 20, sharp = devicePixelRatio || 1;
  Object.assign(canvas, { width: width * sharp, height: height * sharp });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const pen = canvas.getContext("2d"), x = frame => frame / longest * width, starts = startsOf(panel);
  pen.scale(sharp, sharp);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(picture, 0, 0, x(picture.width), MEL_HEIGHT);
  drawPitch(pen, panel, x);
  pen.textAlign = "center";
  panel.phones.forEach((phone, at) => lane(pen, phone, x(starts[at]), x(starts[at + 1]), MEL_HEIGHT, "10.5px system-ui", ink("soft")));
  for (const [word, first, count] of panel.words) lane(pen, word, x(starts[first]), x(starts[first + count]), MEL_HEIGHT + LANE, "600 12px system-ui", ink("ink"));
  pen.fillStyle = ink("soft"); pen.font = "11px system-ui";
  const every = longest * page.hop_s > 6 ? 1 : .5;
  for (let s = 0; s < longest * page.hop_s; s += every) { pen.textAlign = s ? "center" : "left"; pen.fillText(s ? s : "0 s", x(s / page.hop_s), height - 5); }
}

function lane(pen, text, from, to, top, font, colour) {
  pen.strokeStyle = ink("line"); pen.lineWidth = 1;
  pen.strokeRect(from + .5, top + .5, to - from, LANE);
  pen.font = font; pen.fillStyle = colour;
  if (pen.measureText(text).width <= to - from + 3) pen.fillText(text, (from + to) / 2, top + LANE - 5);
}

function drawPitch(pen, panel, x) {
  const all = [...panel.f0_hz, ...(panel.asked_f0_hz ?? [])].filter(value => value != null).sort((a, b) => a - b);
  if (!all.length) return;
  const top = 1.2 * all[Math.floor(.99 * (all.length - 1))], y = hz => MEL_HEIGHT * (1 - hz / top);
  const line = (values, colour, dash, width) => {
    for (const [stroke, wide] of [["rgb(0 0 0 / .55)", width + 2.2], [colour, width]]) {
      pen.strokeStyle = stroke; pen.lineWidth = wide; pen.setLineDash(dash); pen.beginPath();
      values.forEach((hz, frame) => { if (hz != null) values[frame - 1] == null ? pen.moveTo(x(frame + .5), y(hz)) : pen.lineTo(x(frame + .5), y(hz)); });
      pen.stroke();
    }
    pen.setLineDash([]);
  };
  line(panel.f0_hz, "#38bdf8", [], 2.2);
  if (panel.asked_f0_hz) line(panel.asked_f0_hz, "#fbbf24", [2, 4], 2.2);
  pen.font = "10px system-ui"; pen.textAlign = "left";
  const step = top > 400 ? 200 : top > 180 ? 100 : 50;
  for (let hz = step; hz < top; hz += step) { pen.fillStyle = "rgb(0 0 0 / .6)"; pen.fillText(`${hz} Hz`, 5, y(hz) + 4); pen.fillStyle = "#fff"; pen.fillText(`${hz} Hz`, 4, y(hz) + 3); }
}
