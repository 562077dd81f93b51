// Select: ticks in a grid, by click, shift-click and keyboard, and the tray that counts them.
// The boxes are real checkboxes in a real form, so all of it can be sent without this module.
//
// What is ticked is held by identity, not by place in the page: it is shown again wherever the items
// are, and counted and sent where they aren't loaded. So it outlives Back, reload and a log-in, and a
// picture that arrives meanwhile takes nobody's tick.

const form = document.querySelector("[data-select]");
const { grid, field } = form.dataset;
const tray = document.querySelector("[data-tray]");
const starts = [...document.querySelectorAll("[data-select-start]")];
const stops = [...document.querySelectorAll("[data-select-stop]")];
const whileIdle = [...document.querySelectorAll("[data-while-idle]")];
const shelf = `passalong:selection:${grid}`;
const units = ["bytes", "kB", "MB", "GB"];
let held = new Map(); // value -> bytes
let anchor = null;

const boxes = () => [...form.querySelectorAll(".tick input")];

function inWords(bytes) {
  let unit = 0;
  while (bytes >= 999.5 && unit < units.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  const digits = (unit === 3 && bytes < 100) || (unit === 2 && bytes < 10) ? 1 : 0;
  return `${bytes.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${units[unit]}`;
}

function takeUp() {
  try {
    held = new Map(JSON.parse(sessionStorage.getItem(shelf) ?? "[]"));
  } catch {
    // storage is forbidden, or holds nothing of ours: what this page knows stands
  }
}

function putDown() {
  try {
    if (held.size) sessionStorage.setItem(shelf, JSON.stringify([...held]));
    else sessionStorage.removeItem(shelf);
  } catch {
    // storage is full or forbidden: the selection lives as long as this page
  }
}

function tick(box, on) {
  box.checked = on;
  if (on) held.set(box.value, Number(box.dataset.bytes));
  else held.delete(box.value);
}

function show() {
  const selecting = "selecting" in form.dataset;
  for (const button of starts) button.hidden = selecting;
  for (const part of whileIdle) part.hidden = selecting;
  for (const button of stops) button.hidden = !selecting;
  tray.hidden = !selecting;
  const bytes = [...held.values()].reduce((sum, each) => sum + each, 0);
  tray.querySelector("[data-count]").textContent = held.size ? `${held.size.toLocaleString()} selected` : "Select items";
  tray.querySelector("[data-amount]").textContent = held.size ? ` · ${inWords(bytes)}` : "";
  for (const button of tray.querySelectorAll("button")) button.disabled = held.size === 0;
  for (const button of tray.querySelectorAll("[data-counted]")) {
    button.textContent = held.size ? `${button.dataset.counted} ${held.size.toLocaleString()}` : button.dataset.counted;
  }
}

function showTicks() {
  for (const box of boxes()) box.checked = held.has(box.value);
  show();
}

function begin() {
  form.dataset.selecting = "";
  show();
}

function end() {
  delete form.dataset.selecting;
  held.clear();
  putDown();
  anchor = null;
  showTicks();
}

function resume() {
  takeUp();
  if (held.size) form.dataset.selecting = "";
  showTicks();
}

function drop(values) {
  for (const value of values) held.delete(value);
  putDown();
  showTicks();
}

// These are in the viewer's library now, all but those that still wait for their picture.
function keep(isAdded) {
  for (const box of boxes()) {
    const tile = box.closest(".tile");
    if ("waiting" in tile.dataset || "kept" in tile.dataset || !isAdded(box.value)) continue;
    tile.dataset.kept = "";
    tile.querySelector("a").ariaLabel += ", in your library";
  }
}

function tickUpTo(box) {
  const all = boxes();
  const from = all.indexOf(anchor);
  const to = all.indexOf(box);
  if (from < 0) return;
  for (const between of all.slice(Math.min(from, to), Math.max(from, to) + 1)) tick(between, box.checked);
}

form.addEventListener("click", (event) => {
  const box = event.target.closest?.(".tick input");
  if (!box) return;
  if (event.shiftKey) tickUpTo(box);
  tick(box, box.checked);
  putDown();
  anchor = box;
  begin();
});

form.addEventListener("keydown", (event) => {
  const box = event.target.closest?.(".tick input");
  if (box && event.key === "Enter") {
    event.preventDefault(); // else the form would be sent: Enter ticks, as Space does
    box.click();
    return;
  }
  if (!box || !event.key.startsWith("Arrow")) return;
  const all = boxes();
  const forwards = ["ArrowRight", "ArrowDown"].includes(event.key) !== (document.dir === "rtl" && event.key.match(/Left|Right/) !== null);
  const next = all[all.indexOf(box) + (forwards ? 1 : -1)];
  if (!next) return;
  event.preventDefault();
  if (event.shiftKey && "selecting" in form.dataset) {
    anchor ??= box;
    tick(next, true);
    putDown();
    begin();
  }
  next.focus();
});

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || !("selecting" in form.dataset)) return;
  if (event.key === "Escape") {
    end();
    starts[0]?.focus();
  } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    for (const box of boxes()) tick(box, true);
    putDown();
    show();
  }
});

// Whoever sends the form, browser, htmx or script: ticks of items that aren't in the page go along.
form.addEventListener("formdata", (event) => {
  const sent = new Set(event.formData.getAll(field));
  for (const value of held.keys()) if (!sent.has(value)) event.formData.append(field, value);
});

for (const button of starts) button.addEventListener("click", () => { begin(); boxes()[0]?.focus({ preventScroll: true }); });
for (const button of stops) button.addEventListener("click", end);
document.addEventListener("passalong:link-made", end);
// Ticks that are set after the press are not part of what was asked for.
let asked = new Set();
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.matches("[formaction]")) asked = new Set(held.keys());
});
document.addEventListener("passalong:added", (event) => {
  const wasInTray = tray.contains(document.activeElement);
  keep((value) => event.detail.all || asked.has(value));
  drop(asked);
  if (!held.size) end();
  if (wasInTray && tray.hidden) starts[0]?.focus({ preventScroll: true });
});
document.addEventListener("passalong:gone", (event) => drop(event.detail));
document.addEventListener("htmx:load", showTicks);
// A page that was only set aside may have grown old; in any, the browser may have put ticks back by place.
addEventListener("pageshow", (event) => (event.persisted ? resume() : showTicks()));
resume();
