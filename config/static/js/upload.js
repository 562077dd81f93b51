// Upload: one request a file, three at a time, with progress and an answer for each.

const AT_ONCE = 3;
const form = document.querySelector("[data-upload]");
const field = form.querySelector("input[type=file]");
const drop = form.querySelector(".drop");
const list = document.querySelector("[data-files]");
const total = document.querySelector("[data-total]");
const row = document.querySelector("#file-row");
const queue = [];
let running = 0;
const counts = { all: 0, added: 0, known: 0, refused: 0 };

form.querySelector("[data-plain]").hidden = true;
form.querySelector("[data-choose]").hidden = false;
field.classList.add("out-of-sight");

function add(files) {
  for (const file of files) {
    const line = row.content.firstElementChild.cloneNode(true);
    line.querySelector(".name").textContent = file.name;
    line.querySelector(".amount").textContent = "Waiting";
    face(line, file);
    list.append(line);
    counts.all += 1;
    queue.push({ file, line });
  }
  show();
  while (running < AT_ONCE && queue.length) next();
}

function face(line, file) {
  if (!/^image\/(jpeg|png|webp|gif|avif)$/.test(file.type) || file.size > 30e6) return;
  const picture = new Image();
  picture.alt = "";
  picture.className = "face";
  picture.onload = () => { line.querySelector(".face").replaceWith(picture); URL.revokeObjectURL(picture.src); };
  picture.src = URL.createObjectURL(file);
}

function next() {
  const { file, line } = queue.shift();
  running += 1;
  send(file, line).then((result) => settle(line, result)).finally(() => {
    running -= 1;
    if (queue.length) next();
    show();
  });
}

function send(file, line) {
  const most = Number(form.dataset.maxBytes);
  if (file.size > most) return Promise.resolve({ state: "refused", message: form.dataset.tooLarge });
  return new Promise((resolve) => {
    const data = new FormData();
    data.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    data.append("files", file, file.name);
    const request = new XMLHttpRequest();
    const bar = line.querySelector("progress");
    request.upload.onprogress = (event) => {
      bar.value = event.loaded / event.total;
      line.querySelector(".amount").textContent = event.loaded < event.total ? `${Math.floor(100 * bar.value)} %` : "Checking";
    };
    request.onload = () => resolve(answer(request));
    request.onerror = () => resolve({ state: "refused", message: "The connection broke off. Nothing of this file was stored; try it again." });
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.send(data);
  });
}

function answer(request) {
  try {
    const said = JSON.parse(request.responseText);
    return said.files?.[0] ?? { state: "refused", message: said.problem };
  } catch {
    const signedOut = request.status === 403 || request.responseURL.includes("/accounts/");
    return { state: "refused", message: signedOut ? "You are signed out. Log in, and try it again." : "Something went wrong on our side. Nothing of this file was stored; try it again." };
  }
}

function settle(line, result) {
  counts[result.state] += 1;
  line.classList.add(result.state);
  if (result.state === "refused") list.prepend(line); // what needs a look comes first
  line.querySelector("progress").remove();
  line.querySelector(".amount").textContent = { added: "Added", known: "Already there", refused: "Not added" }[result.state];
  const said = line.querySelector(".said");
  said.textContent = result.message;
  if (result.url) {
    const link = document.createElement("a");
    link.href = result.url;
    link.textContent = "Show";
    said.append(" ", link);
  }
}

function show() {
  const done = counts.added + counts.known + counts.refused;
  total.hidden = counts.all === 0;
  const parts = [`${done.toLocaleString()} of ${counts.all.toLocaleString()}`];
  if (counts.known) parts.push(`${counts.known} already there`);
  if (counts.refused) parts.push(`${counts.refused} not added`);
  total.querySelector("[data-said]").textContent = parts.join(" · ");
  total.querySelector("progress").value = counts.all ? done / counts.all : 0;
  total.querySelector("a").hidden = done < counts.all || counts.added + counts.known === 0;
}

field.addEventListener("change", () => { add(field.files); field.value = ""; });
form.addEventListener("submit", (event) => event.preventDefault());
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (kind === "dragleave" && event.relatedTarget) return;
    drop.classList.remove("over");
  });
}
document.addEventListener("drop", (event) => {
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  add(event.dataTransfer.files);
});
addEventListener("beforeunload", (event) => { if (running) event.preventDefault(); });
