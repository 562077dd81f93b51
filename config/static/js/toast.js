// One line that says what has happened, and perhaps takes it back. It stays until something else is pressed.

const toast = document.querySelector("#toast");

function dismiss() {
  toast.replaceChildren();
}

function say(text) {
  const line = document.createElement("span");
  line.textContent = text;
  toast.replaceChildren(line);
}

document.addEventListener("passalong:say", (event) => say(event.detail));
document.addEventListener("pointerdown", (event) => {
  if (!toast.contains(event.target)) dismiss();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") dismiss();
});
toast.addEventListener("click", (event) => {
  if (event.target.closest("[data-dismiss]")) dismiss();
});

// What htmx asked for and did not get. Requests that nobody pressed a button for stay silent.
function failed(event, text) {
  if (event.detail.elt.matches("button, form, a")) say(text);
}
document.addEventListener("htmx:sendError", (event) => failed(event, "The site can’t be reached. Nothing was changed; try again when you are back online."));
document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  if (status === 404 || status === 410) failed(event, "This link is no longer available. Nothing was changed.");
  else if (status === 403) failed(event, "This page has grown old. Nothing was changed; reload it and try again.");
  else failed(event, "Something went wrong on our side. Nothing was changed; try again in a minute.");
});

// A button that was pressed may be another now: whoever uses the keyboard goes on from there.
document.addEventListener("htmx:oobAfterSwap", (event) => {
  if (document.activeElement === document.body) event.detail.target.querySelector("a, button")?.focus({ preventScroll: true });
});
