// The number of unopened shares: on the tab, in the title, and on the app's icon where there is one.

const EVERY = 30_000;
const page = document.body.dataset;

function show(count) {
  page.unopened = count;
  document.dispatchEvent(new Event("passalong:badge"));
  const title = document.title.replace(/^\(\d+\) /, "");
  document.title = count ? `(${count}) ${title}` : title;
  const badge = document.querySelector(".tabs .badge"); // none over a single picture
  if (badge) {
    badge.textContent = count;
    badge.hidden = count === 0;
    document.querySelector("#unopened").textContent = count ? `${count} unopened` : "";
  }
  mark(count);
}

function mark(count) {
  if (count) navigator.setAppBadge?.(count)?.catch(() => {});
  else navigator.clearAppBadge?.()?.catch(() => {});
}

async function ask() {
  try {
    const response = await fetch(`${page.badge}?known=${page.unopened}`, { redirect: "error", headers: { Accept: "application/json" } });
    if (response.status === 200) show((await response.json()).unopened);
  } catch {
    // offline or signed out: the number stands until the next question
  }
}

function askIfSeen() {
  if (document.visibilityState === "visible") ask();
}

mark(Number(page.unopened ?? 0)); // whoever has logged out has none
if (page.badge) {
  setInterval(askIfSeen, EVERY);
  addEventListener("focus", askIfSeen);
  document.addEventListener("passalong:feed-changed", ask);
  addEventListener("pageshow", (event) => event.persisted && ask());
}
