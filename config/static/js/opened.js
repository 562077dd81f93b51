// Say that this share page is seen: once it is, not while a browser only fetches it ahead or keeps it in the back.

const beacon = document.querySelector("[data-opened]");

function isSeen() {
  return !document.prerendering && document.visibilityState === "visible";
}

function tell() {
  if (!isSeen()) return;
  document.removeEventListener("visibilitychange", tell);
  document.removeEventListener("prerenderingchange", tell);
  htmx.ajax("POST", beacon.dataset.opened, { source: beacon, target: "#toast", swap: "innerHTML" });
}

document.addEventListener("visibilitychange", tell);
document.addEventListener("prerenderingchange", tell);
tell();
