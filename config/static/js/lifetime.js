// The days that a link lives: numbers to press beside the field, and the sentence that says which day that is.

const DAY_MS = 86_400_000;

function show(field) {
  const sheet = field.closest(".sheet");
  const days = field.checkValidity() ? Number(field.value || field.defaultValue) : NaN;
  for (const button of sheet.querySelectorAll("[data-days]")) {
    button.ariaPressed = String(Number(button.dataset.days) === days);
  }
  if (Number.isNaN(days)) return; // the browser says what is wrong, and sends nothing
  sheet.querySelector("[data-unit]").textContent = days === 1 ? "day" : "days";
  for (const time of sheet.querySelectorAll("[data-until] time")) {
    time.dateTime = new Date(Date.now() + days * DAY_MS).toISOString();
    time.dispatchEvent(new Event("passalong:moment", { bubbles: true }));
  }
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-lifetime] input")) show(event.target);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-days]");
  if (!button) return;
  const field = button.closest("[data-lifetime]").querySelector("input");
  field.value = button.dataset.days;
  show(field);
});
