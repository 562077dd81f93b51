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
      place(await response.text());
      wait = 700;
    } catch {
      wait = Math.min(wait * 2, 15000); // offline, or the site is starting: ask more rarely
    }
  }
  setTimeout(ask, wait);
}

function place(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const tile of fresh.querySelectorAll(".tile")) {
    const old = document.getElementById(tile.id);
    if (!old) continue;
    const box = old.querySelector(".tick input");
    tile.querySelector(".tick input").checked = box.checked;
    const focused = old.contains(document.activeElement) ? (document.activeElement === box ? ".tick input" : "a") : null;
    old.replaceWith(tile);
    if (focused) tile.querySelector(focused).focus({ preventScroll: true });
  }
  if (!grid.querySelector(".tile[data-waiting], .more")) document.querySelector("[data-unsettled]")?.remove();
}

setTimeout(ask, 300);
