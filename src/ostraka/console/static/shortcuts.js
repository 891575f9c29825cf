// Keys. `data-shortcut="t"` is on what a key goes to, `data-press="1"` on what it presses, and
// `data-go="p"` on where `g p` goes. The server writes the keys that this person chose. None acts
// while somebody types, while a dialog is open, or together with Ctrl, Alt or ⌘.
(() => {
  const root = document.documentElement;
  const singleKeys = document.querySelector("[data-single-keys]:is(input)");
  const switchedOff = root.dataset.person
    ? document.body.dataset.singleKeys === "off"
    : remembered.get("localStorage", "ostraka-single-keys") === "off";
  singleKeys.checked = !switchedOff;
  singleKeys.addEventListener("change", () => {
    prefer("single_keys", singleKeys.checked ? "on" : "off", singleKeys.checked ? null : "off");
  });

  const isTyping = (element) => element.isContentEditable
    || element.closest("input:not([type=checkbox], [type=radio]), textarea, select");
  const rows = () => [...document.querySelectorAll("[data-row]")];
  // Next and previous go through the rows of a list; the link in a row opens it.
  const step = (by) => {
    const all = rows();
    const at = all.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by;
    all[Math.max(0, Math.min(next, all.length - 1))]?.focus();
  };
  const find = (attribute, key) => [...document.querySelectorAll(`[${attribute}~="${CSS.escape(key)}"]`)]
    .find((each) => !each.disabled && (attribute === "data-go" || each.checkVisibility()));

  const act = (key) => {
    const keys = document.body.dataset;
    const pressed = find("data-press", key);
    const target = pressed || find("data-shortcut", key);
    if (pressed) pressed.click();
    else if (target) target.focus();
    else if (key === keys.soften) document.body.toggleAttribute("data-softens");
    else if (rows().length && key === keys.next) step(1);
    else if (rows().length && key === keys.previous) step(-1);
    else return false;
    return true;
  };

  let afterG = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isTyping(event.target)) event.target.blur();
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
    if (isTyping(event.target) || !singleKeys.checked || document.querySelector("dialog[open]")) return;
    const going = Date.now() - afterG < 1500;
    afterG = event.key === "g" ? Date.now() : 0;
    let done = false;
    if (event.key === "?") {
      document.getElementById("shortcuts").showModal();
      done = true;
    } else if (going) {
      const place = find("data-go", event.key);
      place?.click();
      done = Boolean(place);
    } else if (!event.repeat || event.key === document.body.dataset.next || event.key === document.body.dataset.previous) {
      done = act(event.key);
    }
    if (done) event.preventDefault();
  });
})();
