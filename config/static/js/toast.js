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

document.addEventListener("passalong:say", (event) => say(event.detail.text));
document.addEventListener("pointerdown", (event) => {
  if (!toast.contains(event.target)) dismiss();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") dismiss();
});
toast.addEventListener("click", (event) => {
  if (event.target.closest("[data-dismiss]")) dismiss();
});

// What was pressed and got no answer, or a refusal. Requests that nobody pressed for stay silent.
const refusals = {
  403: "This page has grown old. Nothing was changed; reload it and try again.",
  404: "That is not in the link any more. Nothing was changed.",
  410: "This link is no longer available. Nothing was changed.",
  507: "The disk of this site is full. Nothing was changed; what is stored is safe. Try again later.",
};

function failed(event, text) {
  if (event.detail.elt.matches("button, form, a")) say(text);
}
document.addEventListener("htmx:sendError", (event) => failed(event, "The site can’t be reached. Once you are back online, reload the page to see what was done."));
document.addEventListener("htmx:responseError", (event) => failed(event, refusals[event.detail.xhr.status] ?? "Something went wrong on our side. Reload the page to see what was done."));
