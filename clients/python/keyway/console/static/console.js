"use strict";

// Copy buttons: hidden if the browser runs no scripts.
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

// The progress of a verification: the page reloads until the verification ends.
if (document.querySelector("[data-refresh]")) {
  setTimeout(() => location.reload(), 2000);
}

// Times are in UTC. The local time is in the tooltip.
for (const time of document.querySelectorAll("time[datetime*='T']")) {
  time.title = new Date(time.dateTime).toLocaleString();
}
