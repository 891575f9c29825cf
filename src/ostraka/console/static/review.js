// What reviewers' pages have besides the frame: drafts that survive, time left, focus after a swap.
(() => {
  const caseElement = () => document.getElementById("case");
  const draftOf = (field) => `ostraka-draft-${field.dataset.draft}`;

  // What was typed about a case stays in this tab until the case is decided.
  const restore = () => {
    for (const field of document.querySelectorAll("[data-draft]")) {
      const kept = remembered.get("sessionStorage", draftOf(field));
      if (kept && !field.value) field.value = kept;
    }
  };
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-draft]")) remembered.set("sessionStorage", draftOf(event.target), event.target.value || null);
  });

  const showTimeLeft = () => {
    const lease = document.querySelector("[data-until]");
    const left = lease?.querySelector("[data-left]");
    if (!left) return;
    const seconds = (new Date(lease.dataset.until) - Date.now()) / 1000;
    left.textContent = seconds >= 60 ? `${Math.floor(seconds / 60)} min` : `${Math.max(0, Math.ceil(seconds / 5) * 5)} s`;
    lease.classList.toggle("is-short", seconds < 120);
  };
  setInterval(showTimeLeft, 5000);

  // Somebody who comes back wants to know at once whether the case is still theirs.
  document.addEventListener("visibilitychange", () => {
    const lease = document.querySelector("[data-until]");
    if (!document.hidden && lease) htmx.ajax("POST", lease.getAttribute("hx-post"), { target: lease, swap: "outerHTML" });
  });

  // Who presses a key twice has not read the case that came in between.
  const UNREAD = 250;
  let arrived = 0;
  let chosen = null;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[form=decision]");
    if (!button) return;
    chosen = button;
    if (performance.now() - arrived < UNREAD) event.preventDefault();
  }, true);
  // The buttons stand outside of their form, where htmx does not see which one was pressed.
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.target.id === "decision" && chosen) event.detail.parameters[chosen.name] = chosen.value;
  });

  let leaving = "";
  document.addEventListener("htmx:beforeSwap", (event) => {
    leaving = event.detail.target.id === "case" && event.detail.xhr.status < 400 ? event.detail.target.dataset.case || "" : "";
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const now = caseElement();
    if (leaving && now && now.dataset.case !== leaving) {
      remembered.set("sessionStorage", `ostraka-draft-${leaving}`, null);
    }
    if (leaving && now) {
      arrived = performance.now();
      document.getElementById("case-title")?.focus({ preventScroll: true });
      document.title = `${document.getElementById("case-title").textContent} · Ostraka`;
    }
    leaving = "";
    restore();
    if (event.detail.target.id === "case-notice") event.detail.target.scrollIntoView({ block: "nearest" });
    for (const dialog of document.querySelectorAll("#case-notice:not(:empty) ~ dialog[open]")) dialog.close();
  });

  // The toast took a decision back: its case is the reader's again.
  document.addEventListener("undone", (event) => {
    const found = event.detail.address.match(/^\/cases\/([^/]+)\/decisions\//);
    if (!found) return;
    const address = `/cases/${found[1]}${location.search.includes("queue=") ? location.search : ""}`;
    if (!caseElement()) return location.assign(address);
    htmx.ajax("GET", address, { target: "#case", swap: "outerHTML" }).then(() => history.pushState({}, "", address));
  });
  addEventListener("popstate", () => location.reload());

  // Items chosen for an act on many.
  const countChosen = () => {
    const all = [...document.querySelectorAll("[data-choose]")];
    const chosen = all.filter((each) => each.checked).length;
    const bar = document.querySelector("[data-chosen]");
    if (!bar) return;
    bar.hidden = chosen === 0;
    bar.querySelector("[data-chosen-count]").textContent = `${chosen} ${chosen === 1 ? "item" : "items"}`;
    const every = document.querySelector("[data-choose-all]");
    if (every) every.checked = chosen > 0 && chosen === all.length;
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-choose-all]")) {
      for (const each of document.querySelectorAll("[data-choose]")) each.checked = event.target.checked;
    }
    if (event.target.matches("[data-choose], [data-choose-all]")) countChosen();
  });
  addEventListener("pageshow", countChosen);

  restore();
  showTimeLeft();
})();
