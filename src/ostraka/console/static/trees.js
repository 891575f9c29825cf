// What the pages of trees have besides the frame: drafts, counts, time left, answers by key, ranking.
(() => {
  const element = (id) => document.getElementById(id);
  const numbers = new Intl.NumberFormat("en");
  // A form that lacks an answer says which, and goes there.
  htmx.config.reportValidityOfForms = true;

  // Drafts: what a form holds stays in this browser until it is sent or skipped.
  const PREFIX = "ostraka-draft-";
  const isKept = (field) => field.name && field.type !== "hidden" && !field.matches("[data-confirms]");
  const keep = (form) => {
    const fields = [...form.elements].filter(isKept).map((field) => (
      field.matches("[type=radio], [type=checkbox]")
        ? [field.name, field.value, field.checked]
        : [field.name, field.value, null]));
    const kept = { until: form.dataset.keptUntil, fields, order: orderOf(form) };
    remembered.set("localStorage", PREFIX + form.dataset.kept, JSON.stringify(kept));
  };
  const forget = (task) => remembered.set("localStorage", PREFIX + task, null);
  const restore = () => {
    const form = document.querySelector("[data-kept]");
    if (!form || form.dataset.restored) return;
    form.dataset.restored = "yes";
    const text = remembered.get("localStorage", PREFIX + form.dataset.kept);
    if (!text || "typed" in form.dataset) return;
    const kept = JSON.parse(text);
    for (const [name, value, checked] of kept.fields) {
      for (const field of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
        if (checked === null) field.value = value;
        else if (field.value === value) field.checked = checked;
      }
    }
    arrange(form, kept.order);
  };
  // Drafts of tasks that ran out long ago are of no use to anybody.
  const sweep = () => {
    const week = 7 * 86400 * 1000;
    try {
      for (const name of Object.keys(localStorage).filter((each) => each.startsWith(PREFIX))) {
        const { until } = JSON.parse(localStorage.getItem(name));
        if (until && new Date(until).getTime() + week < Date.now()) localStorage.removeItem(name);
      }
    } catch { /* browsers may forbid storage */ }
  };

  // Characters as the server counts them, not UTF-16 units.
  const count = () => {
    const field = document.querySelector("[data-limit]");
    const counter = document.querySelector("[data-counter]");
    if (!field || !counter) return;
    const limit = Number(field.dataset.limit);
    const length = [...field.value.trim()].length;
    const over = length - limit;
    counter.hidden = false;
    counter.textContent = over > 0 ? `${numbers.format(over)} over ${numbers.format(limit)}` : `${numbers.format(length)} of ${numbers.format(limit)}`;
    counter.classList.toggle("is-over", over > 0);
    field.setCustomValidity(over > 0 ? `Shorten it by ${numbers.format(over)} characters; nothing is lost.` : "");
  };

  // Time left.
  const UNITS = [[86400, "day"], [3600, "h"], [60, "min"]];
  const words = (seconds) => {
    for (const [size, unit] of UNITS) {
      const whole = Math.floor(seconds / size);
      if (whole >= (unit === "day" ? 2 : 1)) return `${whole} ${unit}${unit === "day" ? "s" : ""}`;
    }
    return `${Math.max(0, Math.floor(seconds))} s`;
  };
  const showTimeLeft = () => {
    const lease = document.querySelector("[data-until]");
    if (!lease) return;
    const seconds = (new Date(lease.dataset.until) - Date.now()) / 1000;
    lease.querySelector("[data-left]").textContent = words(seconds);
    lease.classList.toggle("is-short", seconds < 600);
  };
  setInterval(showTimeLeft, 1000);
  document.addEventListener("visibilitychange", () => {
    const lease = document.querySelector("[data-until][hx-post]");
    if (!document.hidden && lease) htmx.trigger(lease, "renew");
  });

  // Who presses a key twice has not read the task that came in between.
  const UNREAD = 250;
  let arrived = -UNREAD;

  // Answers by key: on the question in focus, or on the first open one, and on to the next.
  const openQuestion = () => document.querySelector("input[data-single-keys]").checked
    && [...document.querySelectorAll("[data-question]")].find((each) => !each.querySelector("input:checked"));
  const isNowhere = (target) => (target === document.body || target.id === "task-title")
    && performance.now() - arrived >= UNREAD && !document.querySelector("dialog[open]");
  const firstIn = (question) => question.querySelector("input:checked") || question.querySelector("input");
  const answer = (event) => {
    const question = event.target.closest("[data-question]") || (isNowhere(event.target) && openQuestion());
    if (!question || event.ctrlKey || event.metaKey || event.altKey) return;
    const chosen = question.querySelector(`[data-answer-key~="${CSS.escape(event.key)}"]`);
    if (!chosen) return;
    event.preventDefault();
    chosen.click();
    const rows = [...document.querySelectorAll("[data-row]")];
    const next = rows[rows.findIndex((row) => question.contains(row)) + 1];
    if (next) firstIn(next.closest("fieldset") || next.parentElement).focus();
    else chosen.focus();
  };
  document.addEventListener("keydown", answer, true);
  // Whoever has not gone into the form yet can send it too, or is told what it lacks.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !isNowhere(event.target)) return;
    event.preventDefault();
    element("answer")?.requestSubmit();
  });

  // Ranking: the order of the cards is the order of the replies; a tied card shares the place of
  // the one above. The places stand in the fields that are sent.
  const cardsOf = (list) => [...list.querySelectorAll("[data-card]")];
  const listIn = (form) => form.querySelector("[data-ranked]");
  const orderOf = (form) => {
    const list = listIn(form);
    if (!list || !list.dataset.touched) return null;
    return cardsOf(list).map((card) => [card.dataset.card, "tied" in card.dataset]);
  };
  const show = (list) => {
    let place = 0;
    const cards = cardsOf(list);
    const places = cards.map((card, at) => {
      if (at === 0) delete card.dataset.tied;
      if (!("tied" in card.dataset)) place = at + 1;
      return place;
    });
    cards.forEach((card, at) => {
      const tied = places.filter((each) => each === places[at]).length > 1;
      card.querySelector("[data-place-of]").value = String(places[at]);
      card.querySelector("[data-place-name]").textContent = `${places[at]}${tied ? "=" : ""}`;
      card.querySelector("[data-place-said]").textContent = ` Reply ${card.dataset.card}, ${said(places[at], tied, cards.length)}. Arrow keys move it.`;
      card.querySelector("[data-move='-1']").disabled = at === 0;
      card.querySelector("[data-move='1']").disabled = at === cards.length - 1;
      const tie = card.querySelector("[data-tie]");
      tie.disabled = at === 0;
      tie.setAttribute("aria-pressed", String("tied" in card.dataset));
    });
  };
  const said = (place, tied, of) => `${tied ? "shared " : ""}place ${place} of ${of}`;
  const tell = (list, card) => {
    const name = card.querySelector("[data-place-name]").textContent;
    const place = parseInt(name, 10);
    document.querySelector("[data-ranked-said]").textContent = `Reply ${card.dataset.card}: ${said(place, name.endsWith("="), cardsOf(list).length)}.`;
  };
  const touch = (list, card) => {
    list.dataset.touched = "yes";
    const confirming = document.querySelector("[data-confirms]");
    confirming.required = false;
    confirming.closest("[data-as-it-stands]").hidden = true;
    show(list);
    if (card) tell(list, card);
    keep(list.closest("form"));
  };
  const place = (card, at) => {
    const list = card.parentElement;
    const others = cardsOf(list).filter((each) => each !== card);
    const to = Math.max(0, Math.min(at, others.length));
    list.insertBefore(card, others[to] || null);
    touch(list, card);
  };
  const move = (card, by) => {
    delete card.dataset.tied;
    place(card, cardsOf(card.parentElement).indexOf(card) + by);
  };
  const tie = (card) => {
    if ("tied" in card.dataset) delete card.dataset.tied;
    else card.dataset.tied = "yes";
    touch(card.parentElement, card);
  };
  const noneGood = () => {
    const box = document.querySelector("[data-none-good]");
    const list = document.querySelector("[data-ranked]");
    if (!box || !list) return;
    list.classList.toggle("is-none", box.checked);
    const confirming = document.querySelector("[data-confirms]");
    confirming.required = !box.checked && !list.dataset.touched;
    confirming.closest("[data-as-it-stands]").hidden = !confirming.required;
  };
  const arrange = (form, order) => {
    const list = listIn(form);
    if (!list) return;
    const cards = new Map(cardsOf(list).map((card) => [card.dataset.card, card]));
    for (const [letter, tied] of order || []) {
      const card = cards.get(letter);
      if (!card) continue;
      list.append(card);
      if (tied) card.dataset.tied = "yes";
    }
    if (order) touch(list);
  };
  // A server that refused a ranking sends it back with its places.
  const arrangeAsGiven = (list) => {
    const given = cardsOf(list).map((card) => [card, Number(card.querySelector("[data-place-of]").value)]);
    if (given.some(([, at]) => !at)) return;
    given.sort((one, other) => one[1] - other[1]);
    given.forEach(([card, at], index) => {
      list.append(card);
      if (index && given[index - 1][1] === at) card.dataset.tied = "yes";
    });
    touch(list);
  };

  document.addEventListener("click", (event) => {
    const card = event.target.closest("[data-card]");
    if (!card) return;
    const mover = event.target.closest("[data-move]");
    if (mover) {
      move(card, Number(mover.dataset.move));
      (mover.disabled ? card.querySelector("[data-handle]") : mover).focus();
    } else if (event.target.closest("[data-tie]")) tie(card);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "0" && document.querySelector("[data-none-good]") && !event.target.matches("textarea, input[type=text], select")) {
      event.preventDefault();
      document.querySelector("[data-none-good]").click();
      return;
    }
    const handle = event.target.closest("[data-handle]");
    if (!handle) return;
    const card = handle.closest("[data-card]");
    const size = cardsOf(card.parentElement).length;
    if (event.key === "ArrowUp") move(card, -1);
    else if (event.key === "ArrowDown") move(card, 1);
    else if (event.key === "Home") place(card, 0);
    else if (event.key === "End") place(card, size - 1);
    else if (event.key === "=") { if (card.previousElementSibling) tie(card); }
    else if (/^[1-9]$/.test(event.key) && Number(event.key) <= size) { delete card.dataset.tied; place(card, Number(event.key) - 1); }
    else return;
    event.preventDefault();
    handle.focus();
  }, true);

  // Dragging: the others make room while the card is held.
  let dragged = null;
  document.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest("[data-handle]");
    if (!handle || event.button !== 0) return;
    dragged = handle.closest("[data-card]");
    dragged.classList.add("is-held");
    handle.setPointerCapture(event.pointerId);
  });
  document.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    const edge = 80;
    if (event.clientY < edge) scrollBy(0, -12);
    else if (event.clientY > innerHeight - edge) scrollBy(0, 12);
    const middle = (card) => { const box = card.getBoundingClientRect(); return box.top + box.height / 2; };
    const before = dragged.previousElementSibling;
    const after = dragged.nextElementSibling;
    // The neighbours move, so that the card keeps its hold on the pointer.
    if (before && event.clientY < middle(before)) dragged.after(before);
    else if (after && event.clientY > middle(after)) dragged.before(after);
    else return;
    delete dragged.dataset.tied;
    touch(dragged.parentElement, dragged);
  });
  const drop = () => {
    if (!dragged) return;
    dragged.classList.remove("is-held");
    dragged = null;
  };
  document.addEventListener("pointerup", drop);
  document.addEventListener("pointercancel", drop);

  // The fields that drafts are made of.
  document.addEventListener("input", (event) => {
    const form = event.target.closest("[data-kept]");
    if (!form) return;
    if (event.target.matches("[data-limit]")) count();
    if (event.target.matches("[data-none-good]")) noneGood();
    keep(form);
  });

  const begin = () => {
    restore();
    const list = document.querySelector("[data-ranked]");
    if (list && !list.dataset.begun) {
      list.dataset.begun = "yes";
      if (!list.dataset.touched) arrangeAsGiven(list);
      show(list);
      noneGood();
    }
    count();
    showTimeLeft();
  };

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id === "answer" && performance.now() - arrived < UNREAD) event.preventDefault();
  });
  let leaving = "";
  document.addEventListener("htmx:beforeSwap", (event) => {
    const task = event.detail.target.id === "task" && event.detail.xhr.status < 400;
    leaving = task ? event.detail.target.dataset.task || "" : "";
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const now = element("task");
    if (leaving && now?.dataset.task !== leaving) {
      forget(leaving);
      arrived = performance.now();
      element("task-title")?.focus({ preventScroll: true });
      document.title = `${element("task-title")?.textContent || "Trees"} · Ostraka`;
    }
    leaving = "";
    begin();
    if (event.detail.target.id.endsWith("-notice")) {
      for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
      event.detail.target.scrollIntoView({ block: "nearest" });
    }
  });
  // The toast took a skip back: the task is the reader's again.
  document.addEventListener("undone", (event) => {
    const found = event.detail.address.match(/^(\/trees\/tasks\/[^/]+)\/unskip$/);
    if (found) location.assign(found[1] + location.search); // on in the same language
  });
  addEventListener("popstate", () => location.reload());

  sweep();
  begin();
})();
