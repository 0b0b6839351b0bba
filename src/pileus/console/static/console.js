// Conveniences: what a page is for works without scripts, but for sending files.
"use strict";

// What can't be undone is asked for twice.
document.addEventListener("submit", (event) => {
  const ask = event.target.dataset.ask;
  if (ask && !confirm(ask)) event.preventDefault();
});

// A deletion's button waits for the name.
for (const input of document.querySelectorAll("[data-must-be]")) {
  const button = input.form.querySelector("button");
  const look = () => { button.disabled = input.value !== input.dataset.mustBe; };
  input.addEventListener("input", look);
  look();
}

// A field above a table shows the rows that hold its text.
for (const input of document.querySelectorAll("[data-filters]")) {
  input.hidden = false;
  const rows = document.getElementById(input.dataset.filters).tBodies[0].rows;
  input.addEventListener("input", () => {
    const text = input.value.toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(text);
  });
}

// Ctrl+Enter (or ⌘+Enter) sends the form of a text.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form) {
    const button = event.target.form.querySelector("button[name=action]:not(.bad), button:not([name])");
    if (button) event.target.form.requestSubmit(button);
  }
});

// Files go up as they are, one request each, never held whole anywhere.
for (const form of document.querySelectorAll("form[data-upload]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = form.querySelector("output");
    for (const file of form.querySelector("input[type=file]").files) {
      said.textContent = `Uploading ${file.name} …`;
      const to = new URL(form.dataset.upload, location.href);
      to.searchParams.set("name", file.name);
      const answer = await fetch(to, {
        method: "POST", body: file, headers: { "content-type": file.type || "application/octet-stream" },
      });
      if (!answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        said.textContent = page.querySelector("[role=alert]")?.textContent ?? `That failed (${answer.status}).`;
        return;
      }
    }
    location.reload();
  });
}
