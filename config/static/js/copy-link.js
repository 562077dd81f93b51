// Copy Link. The link is made at the press, and reaches the clipboard inside that same gesture:
// the clipboard is handed a promise, because Safari takes nothing once the gesture is over.

const dialog = document.querySelector("#dialog");

// The form is the sheet's own, or that of the grid below it, which has the ticks.
async function make(form, address) {
  const response = await fetch(address, {
    method: "POST",
    body: new FormData(form),
    headers: { Accept: "application/json" },
    redirect: "manual",
  });
  if (response.type === "opaqueredirect") throw new Error("You are signed out. No link was made; log in and try again.");
  const made = await response.json().catch(() => ({}));
  if (made.gone?.length) document.dispatchEvent(new CustomEvent("passalong:gone", { detail: made.gone }));
  if (!response.ok) throw new Error(made.problem ?? "Something went wrong. No link was made; reload the page and try again.");
  return made;
}

// Returns whether the text is in the clipboard. `text` is a promise.
async function copy(text) {
  if (!navigator.clipboard) return false; // no secure context: the visible field is selected instead
  try {
    const blob = text.then((value) => new Blob([value], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    return true;
  } catch {
    try {
      await navigator.clipboard.writeText(await text);
      return true;
    } catch {
      return false;
    }
  }
}

// A place of its own says it, or else the page's toast; a menu in which it was pressed has done its work then.
function say(root, text) {
  const said = root.querySelector("[data-copied]");
  if (said) said.textContent = text;
  else document.dispatchEvent(new CustomEvent("passalong:say", { detail: { text } }));
}

function tell(root, copied) {
  const field = root.querySelector(".address");
  const menu = root.querySelector("details.menu");
  if (copied) {
    say(root, "Link copied.");
    if (menu) menu.open = false;
    (menu?.querySelector("summary") ?? root.querySelector("[data-copy]")).focus();
  } else {
    say(root, `Press ${navigator.platform.startsWith("Mac") ? "⌘" : "Ctrl+"}C to copy the link.`);
    field.classList.add("needed");
    field.focus();
    field.select();
  }
}

async function makeAndCopy(form, button) {
  const problem = dialog.querySelector("[data-problem]");
  button.disabled = true;
  problem.hidden = true;
  const made = make(form, button.formAction);
  const copied = copy(made.then((link) => link.url));
  try {
    const link = await made;
    await htmx.ajax("GET", link.sheet, { target: dialog, swap: "innerHTML" });
    tell(dialog, await copied);
    history.replaceState(null, "", `?link=${link.link}`);
    dialog.addEventListener("close", () => history.replaceState(null, "", location.pathname), { once: true });
    document.dispatchEvent(new Event("passalong:link-made"));
  } catch (error) {
    button.disabled = false;
    problem.hidden = false;
    problem.textContent = error.message === "Failed to fetch" || error instanceof TypeError
      ? "The site can't be reached. No link was made; try again when you are back online."
      : error.message;
  }
}

document.addEventListener("submit", (event) => {
  if (!event.submitter?.matches("[data-makes-link]") || !dialog.contains(event.submitter)) return;
  event.preventDefault();
  makeAndCopy(event.target, event.submitter);
});

// All photo data hides no dates: the two exclude each other.
document.addEventListener("change", (event) => {
  if (event.target.name !== "privacy") return;
  const hides = event.target.closest("[data-terms]").querySelector("[name=hides_dates]");
  hides.disabled = event.target.value === "everything";
  if (hides.disabled) hides.checked = false;
});

// A sheet that names items which are gone: they are no longer selected.
dialog.addEventListener("htmx:afterSwap", () => {
  const gone = dialog.querySelector("[data-gone]")?.dataset.gone;
  if (gone) document.dispatchEvent(new CustomEvent("passalong:gone", { detail: gone.split(" ") }));
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const root = button.closest("[data-link]");
  tell(root, await copy(Promise.resolve(root.dataset.link)));
});
