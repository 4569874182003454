// The browser's storage, which may be switched off, full, or forbidden: then nothing is kept, and nothing breaks.
export function load(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function keep(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // What was typed is still on the page.
  }
}
