// Show every <time> in the reader's own zone and words. Capture dates are wall clocks and carry no <time>.

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long" });
const dayAndYear = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });

function show(time) {
  const at = new Date(time.dateTime);
  const sameYear = at.getFullYear() === new Date().getFullYear();
  time.textContent = "day" in time.dataset ? (sameYear ? day : dayAndYear).format(at) : moment.format(at);
  time.title = moment.format(at);
  time.dataset.done = "";
}

function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-done])")) show(time);
}

localize(document);
document.addEventListener("htmx:load", (event) => localize(event.target));
document.addEventListener("passalong:moment", (event) => show(event.target)); // it tells another moment now
