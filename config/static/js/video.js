// A video that this browser cannot decode says so, instead of staying black.

const video = document.querySelector("video");
const said = document.querySelector("[data-unplayable]");

function tell() {
  video.hidden = true;
  said.hidden = false;
}

video?.addEventListener("error", tell);
video?.addEventListener("loadedmetadata", () => video.videoWidth || tell()); // sound alone was understood
if (video?.error || (video?.readyState && !video.videoWidth)) tell();
