// Tabs, theme, and the first drawing. A tab is built when it is first opened.

const tabs = [...document.querySelectorAll('[role="tab"]')];
const build = { overview, data, listen, compare };

function openTab(name, focus = false) {
  for (const tab of tabs) {
    const here = tab.getAttribute("aria-controls") === name, panel = document.getElementById(tab.getAttribute("aria-controls"));
    tab.setAttribute("aria-selected", String(here));
    tab.tabIndex = here ? 0 : -1;
    panel.hidden = !here;
    if (here && focus) tab.focus();
    if (here && !panel.childElementCount) build[name](panel);
  }
  stop();
  return drawCharts();
}

const named = () => Object.hasOwn(build, location.hash.slice(1)) ? location.hash.slice(1) : "overview";

function choose(name, focus) {
  history.replaceState(null, "", `#${name}`);
  scrollTo(0, 0);
  openTab(name, focus);
}

for (const tab of tabs) tab.addEventListener("click", () => choose(tab.getAttribute("aria-controls")));
document.querySelector('[role="tablist"]').addEventListener("keydown", event => {
  const at = tabs.indexOf(document.activeElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (to == null) return;
  event.preventDefault();
  choose(tabs[(to + tabs.length) % tabs.length].getAttribute("aria-controls"), true);
});
addEventListener("hashchange", () => location.hash !== "#main" && openTab(named()));

const dark = matchMedia("(prefers-color-scheme: dark)"), switcher = document.getElementById("theme");
function remembered(value) {  // storage may be closed to a file
  try { return value ? localStorage.setItem("espressivo-theme", value) : localStorage.getItem("espressivo-theme"); } catch { return null; }
}
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  const other = theme === "dark" ? "light" : "dark";
  switcher.textContent = other === "dark" ? "☾ Dark" : "☀ Light";
  switcher.setAttribute("aria-label", `Use ${other} colours`);
  for (const canvas of document.querySelectorAll("canvas")) canvas.redraw?.();
  return drawCharts();
}
switcher.addEventListener("click", () => { const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark"; remembered(theme); setTheme(theme); });
dark.addEventListener("change", () => remembered() ?? setTheme(dark.matches ? "dark" : "light"));

setTheme(remembered() ?? (dark.matches ? "dark" : "light"));
openTab(named()).then(() => { document.documentElement.dataset.ready = "true"; });
