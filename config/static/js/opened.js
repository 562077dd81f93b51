// Say that this share page is seen: once it is, not while a browser only fetches it ahead or keeps it in the back.

const beacon = document.querySelector("[data-opened]");
const shelf = `passalong:asked:${beacon.dataset.opened}`;
const toast = document.querySelector("#toast");

function isSeen() {
  return !document.prerendering && document.visibilityState === "visible";
}

// One question a link is enough: its pictures have pages of their own.
function wasAsked() {
  try {
    const before = sessionStorage.getItem(shelf);
    sessionStorage.setItem(shelf, "asked");
    return before !== null;
  } catch {
    return false; // storage is full or forbidden
  }
}

// Kept alive by the browser if the page is left at once. The answer is a toast, or nothing; what answers something
// that was pressed meanwhile is not covered by it.
async function tell() {
  if (!isSeen()) return;
  document.removeEventListener("visibilitychange", tell);
  document.removeEventListener("prerenderingchange", tell);
  const headers = { ...JSON.parse(document.body.getAttribute("hx-headers")), "HX-Request": "true" };
  try {
    const response = await fetch(beacon.dataset.opened, { method: "POST", headers, keepalive: true, redirect: "error" });
    const text = await response.text();
    const isWanted = response.status === 200 && toast.childElementCount === 0 && !wasAsked();
    if (isWanted) htmx.swap(toast, text, { swapStyle: "innerHTML" });
    if (response.ok) document.dispatchEvent(new Event("passalong:feed-changed"));
  } catch {
    // offline, or left before the answer: the next time the page is opened it is told again
  }
}

document.addEventListener("visibilitychange", tell);
document.addEventListener("prerenderingchange", tell);
tell();
