// Runs before the first paint, so that no page flashes in the wrong theme.
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  // Browsers may forbid storage; then nothing is remembered, and all else works.
  window.remembered = {
    get(store, name) {
      try { return window[store].getItem(name); } catch { return null; }
    },
    set(store, name, value) {
      try {
        if (value === null) window[store].removeItem(name);
        else window[store].setItem(name, value);
      } catch { /* not remembered */ }
    },
  };
  // Who is signed in has a theme that goes along; the page came with it.
  const chosen = root.dataset.person ? null : remembered.get("localStorage", "ostraka-theme");
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
})();
