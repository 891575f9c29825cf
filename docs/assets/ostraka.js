// The theme's search dialogue has no name of its own for screen readers.
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
