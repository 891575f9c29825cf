// Asks the server for the page's own answer to the form, and takes the parts that changed.
(() => {
  const form = document.querySelector("[data-form]");
  const text = form.elements.text;
  const live = document.querySelector("[data-live]");
  const counter = document.querySelector("[data-counter]");
  const outcome = document.querySelector("[data-outcome]");
  const callPanel = document.querySelector("[data-calls]");
  const announcement = document.querySelector("[data-announcement]");
  const keyField = document.querySelector("[data-key-field]");
  const key = document.getElementById("key");
  const noticeTemplate = document.querySelector("[data-notice]");
  const limit = Number(counter.dataset.limit);
  const numbers = new Intl.NumberFormat("en");
  const regions = { outcome, calls: callPanel };
  const beginning = { outcome: outcome.cloneNode(true), calls: callPanel.cloneNode(true) };

  // Above this length a key press is no reason to score everything again.
  const LIVE_CHARACTERS = 5000;
  const DEBOUNCE_MS = 250;
  const WAITING_MS = 300;
  const KEY_STORE = "ostraka-key";

  let timer = 0;
  let running = null;
  let openCategory = null;
  let language = "curl";

  // The server counts code points; a pair of surrogates is one.
  const lengthOf = (value) => value.length - (value.match(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g) || []).length;

  const count = () => {
    const length = lengthOf(text.value);
    counter.textContent = `${numbers.format(length)} of ${numbers.format(limit)} characters`;
    counter.classList.toggle("is-over", length > limit);
  };

  const announce = (message) => {
    if (announcement.textContent !== message) announcement.textContent = message;
  };

  const show = (source) => {
    for (const [name, region] of Object.entries(regions)) {
      region.replaceChildren(...source[name].cloneNode(true).childNodes);
      region.classList.remove("is-waiting");
    }
    const reason = [...outcome.querySelectorAll("[data-category]")]
      .find((each) => each.dataset.category === openCategory);
    if (reason) reason.open = true;
    const chosen = callPanel.querySelector(`[value="${language}"]`);
    if (chosen) chosen.checked = true;
    const title = outcome.querySelector("[data-summary], .notice-title");
    announce(title ? title.textContent.trim() : "");
  };

  const refuse = (title, advice) => {
    const notice = noticeTemplate.content.cloneNode(true);
    notice.querySelector(".notice-title").textContent = title;
    notice.querySelector("p:not(.notice-title)").textContent = advice;
    outcome.replaceChildren(notice);
    outcome.classList.remove("is-waiting");
    callPanel.replaceChildren();
    announce(`${title} ${advice}`);
  };

  const askForKey = () => {
    const tried = key.value !== "";
    keyField.hidden = false;
    remembered.set("sessionStorage", KEY_STORE, null);
    refuse(
      tried ? "The server does not accept this API key." : "This server asks for an API key.",
      "Your text is still here. Enter a key above and score again.",
    );
  };

  // What stands before the page (keys, rate limits) answers in JSON.
  const refuseFrom = async (response) => {
    if (response.status === 401) return askForKey();
    const body = await response.json().catch(() => ({}));
    const wait = response.headers.get("retry-after");
    refuse(
      body.error?.message || `The server answered with status ${response.status}.`,
      `Your text is still here. Try again${wait ? ` in ${wait} s` : ""}.`,
    );
  };

  const take = async (response) => {
    if (!(response.headers.get("content-type") || "").startsWith("text/html")) {
      return refuseFrom(response);
    }
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (response.ok && key.value) remembered.set("sessionStorage", KEY_STORE, key.value);
    show({
      outcome: page.querySelector("[data-outcome]"),
      calls: page.querySelector("[data-calls]"),
    });
  };

  // On a narrow screen the answer stands below what is seen.
  const lookAtAnswer = () => {
    if (outcome.getBoundingClientRect().top > innerHeight * 0.7) outcome.scrollIntoView();
  };

  const score = async () => {
    clearTimeout(timer);
    running?.abort();
    if (!text.value.trim()) return show(beginning);
    const length = lengthOf(text.value);
    if (length > limit) {
      return refuse(
        `Your text has ${numbers.format(length)} characters, and this server takes at most ${numbers.format(limit)}.`,
        "Nothing was scored. Shorten the text, or send it in parts.",
      );
    }
    if (!keyField.hidden && !key.value) return askForKey();
    const asked = new AbortController();
    running = asked;
    const waiting = setTimeout(() => outcome.classList.add("is-waiting"), WAITING_MS);
    const headers = key.value ? { authorization: `Bearer ${key.value}` } : {};
    try {
      const body = new URLSearchParams(new FormData(form));
      const response = await fetch(form.action, { method: "POST", body, headers, signal: asked.signal });
      await take(response);
    } catch (error) {
      if (error.name === "AbortError") return;
      refuse("The server cannot be reached.", "Your text is still here. Check that the server runs, then score again.");
    } finally {
      clearTimeout(waiting);
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const example = event.submitter?.dataset.example;
    if (example) {
      text.value = example;
      count();
    }
    score().then(lookAtAnswer);
  });

  // Half-typed texts are not worth the judge's time and money.
  const asksJudge = () => "asksJudge" in form.elements.model.selectedOptions[0].dataset;

  text.addEventListener("input", () => {
    count();
    clearTimeout(timer);
    if (!text.value) score();
    else if (live.checked && !asksJudge() && text.value.length <= LIVE_CHARACTERS) timer = setTimeout(score, DEBOUNCE_MS);
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });

  for (const choice of [form.elements.vocabulary, form.elements.model]) {
    choice.addEventListener("change", () => {
      const model = form.elements.model.selectedOptions[0];
      document.querySelector("[data-model-hint]").textContent = model.dataset.description;
      if (text.value.trim()) score();
    });
  }

  document.querySelector("[data-clear]").addEventListener("click", () => {
    text.value = "";
    count();
    score();
    text.focus();
  });

  // What the reader opened or chose outlives the next answer.
  outcome.addEventListener("click", (event) => {
    const summary = event.target.closest("summary");
    if (summary) openCategory = summary.parentElement.dataset.category;
  });
  callPanel.addEventListener("change", (event) => { language = event.target.value; });

  key.value = remembered.get("sessionStorage", KEY_STORE) || "";
  if (key.value) keyField.hidden = false;
  count();
})();
