// Ctrl or ⌘ and K: every page of the rail, every button of this page that has a key, and searches.
(() => {
  const dialog = document.getElementById("palette");
  const field = dialog.querySelector("[data-palette-field]");
  const list = dialog.querySelector("[data-palette-list]");
  const none = dialog.querySelector("[data-palette-none]");
  let chosen = 0;

  const wordsOf = (element) => {
    const copy = element.cloneNode(true);
    copy.querySelectorAll("kbd, .keys, svg").forEach((each) => each.remove());
    return (element.getAttribute("aria-label") || copy.textContent).trim();
  };
  const places = () => [...document.querySelectorAll("[data-go]")].map((link) => (
    { words: `Go to ${wordsOf(link)}`, keys: `g ${link.dataset.go}`, run: () => link.click() }
  ));
  const acts = () => [...document.querySelectorAll("main :is([data-press], [data-shortcut]), [data-theme-switch], [data-opens=shortcuts]")]
    .filter((each) => each.checkVisibility() && !each.disabled)
    .map((each) => {
      const isField = each.matches("input, textarea, select");
      const label = isField && each.labels?.[0] ? `Go to the field ${wordsOf(each.labels[0])}` : wordsOf(each);
      return {
        words: label,
        keys: each.dataset.press || each.dataset.shortcut || "",
        run: () => { if (isField) each.focus(); else each.click(); },
      };
    });
  const searches = (text) => (text ? [...document.querySelectorAll("[data-go][data-search]")] : []).map((link) => (
    { words: `Search ${wordsOf(link)} for “${text}”`, keys: "", run: () => location.assign(link.dataset.search + encodeURIComponent(text)) }
  ));

  let found = [];
  const draw = () => {
    list.replaceChildren(...found.map(({ words, keys }, index) => {
      const option = document.createElement("li");
      option.id = `palette-${index}`;
      option.role = "option";
      option.ariaSelected = String(index === chosen);
      option.append(Object.assign(document.createElement("span"), { textContent: words }));
      for (const key of keys.split(" ").filter(Boolean)) {
        option.append(Object.assign(document.createElement("kbd"), { textContent: key }));
      }
      return option;
    }));
    none.hidden = found.length > 0;
    if (found.length) field.setAttribute("aria-activedescendant", `palette-${chosen}`);
    else field.removeAttribute("aria-activedescendant");
    list.children[chosen]?.scrollIntoView({ block: "nearest" });
  };
  const search = () => {
    const text = field.value.trim();
    const parts = text.toLowerCase().split(/\s+/);
    const fits = ({ words }) => parts.every((part) => words.toLowerCase().includes(part));
    found = [...places(), ...acts()].filter(fits).concat(searches(text));
    chosen = 0;
    draw();
  };
  const run = (index) => {
    const picked = found[index];
    if (!picked) return;
    dialog.close();
    picked.run();
  };

  const open = () => {
    field.value = "";
    search();
    if (!dialog.open) dialog.showModal();
    field.focus();
  };
  field.addEventListener("input", search);
  field.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && found.length) {
      chosen = (chosen + by + found.length) % found.length;
      draw();
    } else if (event.key === "Enter") {
      run(chosen);
    } else return;
    event.preventDefault();
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) run([...list.children].indexOf(option));
  });
  // The button opens the dialog itself; what stands in it is found when it does.
  document.querySelector('[data-opens="palette"]').addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    if (document.querySelector("dialog[open]:not(#palette)")) return;
    event.preventDefault();
    if (dialog.open) dialog.close();
    else open();
  });
})();
