// Paste Link: a press on an empty field takes what is in the clipboard, where the browser lets it.

const form = document.querySelector("[data-paste]");
const field = form.querySelector("textarea");
const said = form.querySelector(".said");

async function takeFromClipboard() {
  let text = "";
  try {
    text = await navigator.clipboard.readText();
  } catch {
    // not allowed, or no secure context: the field is there
  }
  if (text.trim()) {
    field.value = text;
    form.requestSubmit();
  } else {
    said.textContent = "Paste the link, or the message that it came in, into this field.";
    field.focus();
  }
}

form.addEventListener("submit", (event) => {
  if (field.value.trim()) return;
  event.preventDefault();
  takeFromClipboard();
});
field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
