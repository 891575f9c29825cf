// The training pages: a key for a page that asks for one.

const KEY_STORE = "ostraka-key";
const remembered = window.remembered;
const keyOf = () => remembered.get("sessionStorage", KEY_STORE) || "";
const headersOf = (key) => (key ? { authorization: `Bearer ${key}` } : {});
const toast = (message) => document.dispatchEvent(new CustomEvent("toast", { detail: message }));

// With a key, pictures too must be asked for by script: an address never holds one.
const takePictures = (root) => {
  if (!keyOf()) return;
  for (const image of root.querySelectorAll('img[src^="/training/"]')) {
    const address = image.getAttribute("src");
    image.removeAttribute("src");
    fetch(address, { headers: headersOf(keyOf()) })
      .then((answer) => (answer.ok ? answer.blob() : Promise.reject()))
      .then((blob) => { image.src = URL.createObjectURL(blob); })
      .catch(() => { image.alt += " (cannot be shown)"; });
  }
};

// The same page, asked for with a key.
const open = async (key, tried) => {
  const response = await fetch(location.href, { headers: headersOf(key) });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const main = page.getElementById("main");
  if (!main) return toast(`The server answered with status ${response.status}.`);
  if (main.querySelector("[data-locked]")) {
    document.querySelector("[data-refusal]").replaceWith(main.querySelector("[data-refusal]"));
    if (response.status === 401) remembered.set("sessionStorage", KEY_STORE, null);
    if (tried) document.getElementById("key").select();
    return undefined;
  }
  remembered.set("sessionStorage", KEY_STORE, key);
  takePictures(main);
  document.title = page.title;
  const shortcuts = document.querySelector(".shortcut-list");
  shortcuts.replaceWith(page.querySelector(".shortcut-list"));
  document.getElementById("main").replaceWith(main);
  window.htmx.process(main);
  if (tried) main.focus();
  return undefined;
};

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-unlock]")) return;
  event.preventDefault();
  open(document.getElementById("key").value, true).catch(() => toast("The server cannot be reached."));
});

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[download]");
  if (!link || !keyOf()) return;
  event.preventDefault();
  const response = await fetch(link.href, { headers: headersOf(keyOf()) });
  if (!response.ok) return void toast("The file cannot be fetched.");
  const named = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") || "");
  const saved = document.createElement("a");
  saved.href = URL.createObjectURL(await response.blob());
  saved.download = named ? named[1] : link.pathname.split("/").pop();
  saved.click();
  URL.revokeObjectURL(saved.href);
});

document.addEventListener("htmx:configRequest", (event) => {
  Object.assign(event.detail.headers, headersOf(keyOf()));
});

document.addEventListener("htmx:afterSwap", () => takePictures(document));

if (document.querySelector("[data-locked]") && keyOf()) {
  open(keyOf(), false).catch(() => toast("The server cannot be reached."));
}
