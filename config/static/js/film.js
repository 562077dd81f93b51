// A film that this browser cannot decode says so, instead of staying black.

const film = document.querySelector("video");
const said = document.querySelector("[data-unplayable]");

function tell() {
  film.hidden = true;
  said.hidden = false;
}

film?.addEventListener("error", tell);
film?.addEventListener("loadedmetadata", () => film.videoWidth || tell()); // sound alone was understood
if (film?.error || (film?.readyState && !film.videoWidth)) tell();
