// A theme that was saved counts at once; in a console that is open to this machine, this browser
// remembers it and the single keys, as the switches in the frame do.
(() => {
  const saved = document.querySelector("[data-saved]").dataset.saved;
  const form = document.querySelector("[data-look]");
  if (!form || document.documentElement.dataset.person) return;
  if (saved === "look") {
    const { theme } = Object.fromEntries(new FormData(form));
    remembered.set("localStorage", "ostraka-theme", theme === "system" ? null : theme);
    remembered.set("localStorage", "ostraka-single-keys", form.elements.single_keys.checked ? null : "off");
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    document.querySelector("[data-theme-name]").textContent = theme;
  } else {
    // What was switched in the frame since is what the form begins with.
    form.elements.theme.value = remembered.get("localStorage", "ostraka-theme") || "system";
    form.elements.single_keys.checked = remembered.get("localStorage", "ostraka-single-keys") !== "off";
  }
})();
