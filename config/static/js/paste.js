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
  if (text.trim() && text.trim() !== field.defaultValue.trim()) {
    field.value = text;
    form.requestSubmit();
  } else {
    said.textContent = "Paste the link, or the message that it came in, into this field.";
    field.focus();
    field.select();
  }
}

// What was refused and stands there still is not meant again.
form.addEventListener("submit", (event) => {
  if (field.value.trim() && field.value !== field.defaultValue) return;
  event.preventDefault();
  takeFromClipboard();
});
field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
if (field.defaultValue) field.select();

// Something came, or was opened elsewhere: the list is read anew, unless its reader is in the middle of something.
// A text that was refused counts too: to reload its page would be to send it again.
document.addEventListener("passalong:badge", () => {
  const isBusy = field.value || document.querySelector("dialog[open], details[open]");
  if (!isBusy) location.reload();
});
