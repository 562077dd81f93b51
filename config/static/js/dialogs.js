// One <dialog> for every sheet: whatever htmx puts into it is shown, and leaves with it.

const dialog = document.querySelector("#dialog");

dialog.addEventListener("htmx:afterSwap", (event) => {
  if (event.target !== dialog) return;
  if (!dialog.open) {
    dialog.showModal();
    return;
  }
  const title = dialog.querySelector("#dialog-title"); // one sheet took another's place, and the focus with it
  title?.setAttribute("tabindex", "-1");
  title?.focus();
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog || event.target.closest("[data-close]")) {
    event.preventDefault();
    dialog.close();
  }
});
dialog.addEventListener("close", () => dialog.replaceChildren());

// htmx swaps in whatever an address answers; only our own pages are pages.
document.addEventListener("htmx:beforeSwap", (event) => {
  const type = event.detail.xhr.getResponseHeader("Content-Type") ?? "";
  if (!type.startsWith("text/html")) event.detail.shouldSwap = false;
});

// A page that was left with a sheet open names it, and gets it back.
const sheet = dialog.dataset.sheet;
if (sheet) htmx.ajax("GET", sheet, { target: dialog, swap: "innerHTML" });

// Sharing was stopped: the sheet goes, and where its link was shown stands what became of it.
document.addEventListener("passalong:stopped", (event) => {
  dialog.close();
  document.querySelector("[data-stopped]")?.focus({ preventScroll: true });
  for (const each of document.querySelectorAll("[data-stopped]")) delete each.dataset.stopped;
  const text = event.detail.said;
  if (text) document.dispatchEvent(new CustomEvent("passalong:say", { detail: { text } }));
});

// A menu closes when something else is pressed, or when what is pressed in it opens a sheet.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    const opensSheet = menu.contains(event.target) && event.target.closest("[hx-get]");
    if (opensSheet) menu.querySelector("summary").focus(); // to which the sheet gives it back
    if (opensSheet || !menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
