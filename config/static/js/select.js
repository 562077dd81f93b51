// Select: ticks in a grid, by click, shift-click and keyboard, and the tray that counts them.
// The boxes are real checkboxes in a real form, so all of it can be sent without this module.

const form = document.querySelector("[data-select]");
const tray = document.querySelector("[data-tray]");
const starts = [...document.querySelectorAll("[data-select-start]")];
const stops = [...document.querySelectorAll("[data-select-stop]")];
const whileIdle = [...document.querySelectorAll("[data-while-idle]")];
let anchor = null;

const boxes = () => [...form.querySelectorAll(".tick input")];
const units = ["bytes", "kB", "MB", "GB"];

function inWords(bytes) {
  let unit = 0;
  while (bytes >= 999.5 && unit < units.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  const digits = (unit === 3 && bytes < 100) || (unit === 2 && bytes < 10) ? 1 : 0;
  return `${bytes.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${units[unit]}`;
}

function show() {
  const ticked = boxes().filter((box) => box.checked);
  const selecting = "selecting" in form.dataset;
  for (const button of starts) button.hidden = selecting;
  for (const part of whileIdle) part.hidden = selecting;
  for (const button of stops) button.hidden = !selecting;
  tray.hidden = !selecting;
  const bytes = ticked.reduce((sum, box) => sum + Number(box.dataset.bytes), 0);
  tray.querySelector("[data-count]").textContent = ticked.length ? `${ticked.length.toLocaleString()} selected` : "Select items";
  tray.querySelector("[data-amount]").textContent = ticked.length ? ` · ${inWords(bytes)}` : "";
  for (const button of tray.querySelectorAll("button")) button.disabled = ticked.length === 0;
}

function begin() {
  form.dataset.selecting = "";
  show();
}

function end() {
  delete form.dataset.selecting;
  for (const box of boxes()) box.checked = false;
  anchor = null;
  show();
}

function tickUpTo(box) {
  const all = boxes();
  const from = all.indexOf(anchor);
  const to = all.indexOf(box);
  if (from < 0) return;
  for (const between of all.slice(Math.min(from, to), Math.max(from, to) + 1)) between.checked = box.checked;
}

form.addEventListener("click", (event) => {
  const box = event.target.closest?.(".tick input");
  if (!box) return;
  if (event.shiftKey) tickUpTo(box);
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
    next.checked = true;
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
    for (const box of boxes()) box.checked = true;
    show();
  }
});

for (const button of starts) button.addEventListener("click", () => { begin(); boxes()[0]?.focus({ preventScroll: true }); });
for (const button of stops) button.addEventListener("click", end);
document.addEventListener("passalong:link-made", end);
document.addEventListener("htmx:load", show);
show();
// The browser puts ticks back over Back and reload, and does so after this module has run.
addEventListener("pageshow", () => (boxes().some((box) => box.checked) ? begin() : show()));
