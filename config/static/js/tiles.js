// Tiles that wait for their picture appear by themselves: one question a second for all of them.

const MOST_ASKED = 100;
const grid = document.querySelector("[data-tiles]");
let wait = 700;

async function ask() {
  const waiting = [...grid.querySelectorAll(".tile[data-waiting]")].slice(0, MOST_ASKED);
  if (waiting.length && !document.hidden) {
    const address = new URL(grid.dataset.tiles, location.href);
    for (const tile of waiting) address.searchParams.append("id", tile.dataset.waiting);
    try {
      const response = await fetch(address, { headers: { Accept: "text/html" }, redirect: "error" });
      if (response.status >= 500) throw new Error("not now");
      if (!response.ok) return; // the link has ended, or we are signed out: the next page says so
      const page = parsed(await response.text());
      place(page);
      tellFacts(page.querySelector("[data-facts]"));
      wait = 700;
    } catch {
      wait = Math.min(wait * 2, 15000); // offline, or the site is starting: ask more rarely
    }
  }
  setTimeout(ask, wait);
}

function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

function place(page) {
  for (const tile of page.querySelectorAll(".tile")) {
    const old = document.getElementById(tile.id);
    if (!old) continue;
    const box = old.querySelector(".tick input");
    const freshBox = tile.querySelector(".tick input"); // none where nothing is passed along
    if (freshBox) freshBox.checked = box.checked;
    const focused = old.contains(document.activeElement) ? (document.activeElement === box ? ".tick input" : "a") : null;
    old.replaceWith(tile);
    if (focused) tile.querySelector(focused)?.focus({ preventScroll: true });
  }
}

// On a share page: how much is ready, and whether there is anything to download.
function tellFacts(fresh) {
  const facts = document.querySelector("[data-facts]");
  if (!facts || !fresh) return;
  const open = facts.querySelector("details")?.open;
  facts.replaceChildren(...fresh.childNodes);
  facts.dispatchEvent(new Event("htmx:load", { bubbles: true })); // its times are to be told in words
  if (open) facts.querySelector("details").open = true;
  for (const button of document.querySelectorAll("[data-downloads]")) button.disabled = fresh.dataset.facts === "0";
}

setTimeout(ask, 300);
