// Before the first paint: the reader's theme, and that scripts run. A classic script in the head, so nothing flashes.
document.documentElement.classList.add("js");
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the theme is the system's.
}
