// Faults of a draft lead to their lines.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-line]");
  if (!button) return;
  const text = document.getElementById("draft-document");
  const lines = text.value.split("\n");
  const line = Number(button.dataset.line) - 1;
  const start = lines.slice(0, line).reduce((sum, each) => sum + each.length + 1, 0);
  text.focus();
  text.setSelectionRange(start, start + (lines[line] || "").length);
  text.scrollTop = Math.max(0, line - 4) * (text.scrollHeight / lines.length);
});
