// What every page has: theme switch, toasts, copy buttons, dialogs, menus, the token of its forms.
(() => {
  const root = document.documentElement;
  const tokenOf = () => document.querySelector('meta[name="form-token"]').content;

  // Sends a form that stands on no page, as its own pages do. Returns the answer.
  window.send = (address, fields = {}) => fetch(address, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: { "x-form-token": tokenOf() },
    keepalive: true,
  });
  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["x-form-token"] = tokenOf();
  });
  // What is chosen in the frame: kept for the person, else in this browser.
  window.prefer = (name, value, stored) => {
    if (root.dataset.person) send("/settings/choose", { name, value }).catch(() => {});
    else remembered.set("localStorage", `ostraka-${name.replace("_", "-")}`, stored);
  };

  // Theme: system, light, dark, in turn.
  const themes = ["system", "light", "dark"];
  const themeName = document.querySelector("[data-theme-name]");
  const currentTheme = () => root.dataset.theme || "system";
  const showTheme = () => { themeName.textContent = currentTheme(); };
  document.querySelector("[data-theme-switch]").addEventListener("click", () => {
    const next = themes[(themes.indexOf(currentTheme()) + 1) % themes.length];
    if (next === "system") delete root.dataset.theme;
    else root.dataset.theme = next;
    prefer("theme", next, next === "system" ? null : next);
    showTheme();
  });
  showTheme();

  // Toasts: `document.dispatchEvent(new CustomEvent("toast", { detail: "Copied" }))`, or with
  // `detail: { message, undo: ADDRESS }` a button that posts there. A server says the same with
  // the header `HX-Trigger: {"toast": {"message": …, "undo": …}}`. Afterwards comes `undone`.
  const toasts = document.querySelector("[data-toasts]");
  const seconds = { plain: 4, undo: 15 };
  const showToast = (detail) => {
    const { message, undo } = typeof detail === "string" ? { message: detail } : { message: detail.value, ...detail };
    const toast = document.createElement("div");
    toast.className = "toast";
    toast.append(Object.assign(document.createElement("span"), { textContent: message }));
    const leave = () => { if (!toast.matches(":hover, :focus-within")) toast.remove(); else setTimeout(leave, 2000); };
    if (undo) toast.append(undoButton(toast, undo));
    toasts.replaceChildren(toast);
    setTimeout(leave, (undo ? seconds.undo : seconds.plain) * 1000);
  };
  const undoButton = (toast, address) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "toast-act" });
    const key = document.body.dataset.undo;
    button.dataset.press = key;
    button.setAttribute("aria-keyshortcuts", key);
    button.append("Undo ", Object.assign(document.createElement("kbd"), { textContent: key }));
    button.addEventListener("click", async () => {
      button.disabled = true;
      const answer = await send(address).catch(() => null);
      if (!answer?.ok) return showToast("It could not be undone. Load the page again to see what counts.");
      showToast("Undone");
      document.dispatchEvent(new CustomEvent("undone", { detail: { address } }));
    });
    return button;
  };
  document.addEventListener("toast", (event) => showToast(event.detail));

  const copy = async (button) => {
    const source = button.dataset.copy && document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source ? source.textContent : button.dataset.copyValue);
      showToast("Copied");
    } catch {
      // Browsers give the clipboard to secure pages only (https, or this machine).
      if (source) getSelection().selectAllChildren(source);
      showToast(source ? "Selected: copy it with Ctrl or ⌘ and C" : button.dataset.copyValue);
    }
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-value]");
    if (button) copy(button);
    const opener = event.target.closest("[data-opens]");
    if (opener) document.getElementById(opener.dataset.opens).showModal();
    const closer = event.target.closest("[data-closes]");
    if (closer) closer.closest("dialog").close();
    if (event.target.matches("dialog")) event.target.close();
    for (const menu of document.querySelectorAll("[data-menu][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.querySelector("[data-menu][open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  // A form that asked to be sent once is sent once, however often it is clicked.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-once]")) return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
  });
})();
