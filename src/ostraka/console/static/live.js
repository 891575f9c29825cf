// What pages share whose parts change by htmx: who looks, what was open, answers that are no page.
(() => {
  const toast = (message) => document.dispatchEvent(new CustomEvent("toast", { detail: message }));

  // Nobody looks: nothing is asked.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const polls = event.target.getAttribute("hx-trigger")?.startsWith("every");
    if (polls && document.hidden) event.preventDefault();
  });

  let opened = [];
  let status = "";
  const statusOf = () => document.querySelector("[data-status]")?.dataset.status || "";

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    const polls = event.detail.requestConfig?.elt?.getAttribute("hx-trigger")?.startsWith("every");
    if (polls && xhr.status >= 500) { // what is shown stays, and the next question may be answered
      event.detail.shouldSwap = false;
      return;
    }
    const isPage = (xhr.getResponseHeader("content-type") || "").startsWith("text/html");
    if (!isPage || (xhr.status === 401 && document.documentElement.dataset.person)) {
      event.detail.shouldSwap = false;
      if (xhr.status === 401) toast("You are signed out. Nothing was changed. Load the page to sign in.");
      else if (xhr.status >= 400) toast("The server refused that. Load the page again.");
      return;
    }
    opened = [...document.querySelectorAll("details[open][id]")].map((each) => each.id);
    status = statusOf();
  });
  document.addEventListener("htmx:sendError", () => toast("The server cannot be reached. Nothing was changed."));

  document.addEventListener("htmx:afterSwap", () => {
    for (const id of opened) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
    const now = statusOf();
    const announcement = document.querySelector("[data-announcement]");
    if (announcement && now !== status) announcement.textContent = now;
    const answer = document.querySelector("[data-answer]");
    if (answer && answer.getBoundingClientRect().top > innerHeight * 0.7) answer.scrollIntoView();
  });

  // Ctrl or ⌘ and Enter sends the form that one is in.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    const form = event.target.closest("form[data-quick]");
    if (!form) return;
    event.preventDefault();
    form.requestSubmit();
  });
})();
