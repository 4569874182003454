// Builds static/vendor/ (and the browser tests' axe) from the packages that package-lock.json pins, and writes
// manifest.json beside each: what, which version, which licence, and the SHA-256 of every file. tests/web checks them.
// Run by `make vendor`; the result is committed, so that neither users nor the image need Node.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const modules = join(root, "static/vendor/src/node_modules");

const read = (name, file) => readFileSync(join(modules, name, file), "utf8");
const about = (name) => JSON.parse(read(name, "package.json"));
// The maps are not shipped, and a reference to one that is missing is a 404 in every reader's console.
const withoutMap = (text) => text.replace(/\n?\/\/# sourceMappingURL=\S+\s*$/, "\n").replace(/\n?\/\*# sourceMappingURL=\S+ \*\/\s*$/, "\n");

async function bundle(entry) {
  const result = await build({
    absWorkingDir: root,
    bundle: true,
    entryPoints: [entry],
    format: "esm",
    legalComments: "none",
    metafile: true,
    minify: true,
    target: ["es2022"],
    write: false,
  });
  const [{ inputs }] = Object.values(result.metafile.outputs);
  const kept = Object.keys(inputs).filter((path) => inputs[path].bytesInOutput > 0);
  const inside = new Set(kept.flatMap((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1] ?? []));
  return { text: result.outputFiles[0].text, packages: [...inside].sort() };
}

// Each text once, after the names of the packages that it covers.
function licences(names) {
  const byText = new Map();
  for (const name of names) {
    const text = read(name, "LICENSE").trim();
    byText.set(text, [...(byText.get(text) ?? []), name]);
  }
  return [...byText].map(([text, covered]) => `${covered.join(", ")}\n\n${text}\n`).join("\n\n");
}

const editor = await bundle("static/vendor/src/codemirror.js");

// What is copied as it is, by its name here.
const files = (name, ...paths) => Object.fromEntries(paths.map((path) => [basename(path), join(modules, name, path)]));

const parts = [
  {
    folder: "static/vendor/htmx",
    packages: ["htmx.org"],
    texts: { "htmx.min.js": withoutMap(read("htmx.org", "dist/htmx.min.js")) },
    copies: files("htmx.org", "LICENSE"),
  },
  {
    folder: "static/vendor/codemirror",
    packages: editor.packages,
    texts: { "codemirror.js": editor.text, "LICENSE": licences(editor.packages) },
  },
  ...["source-sans-3", "source-code-pro"].map((font) => ({
    folder: `static/vendor/${font}`,
    packages: [`@fontsource-variable/${font}`],
    copies: files(`@fontsource-variable/${font}`, "LICENSE", `files/${font}-latin-wght-normal.woff2`),
  })),
  {
    folder: "tests/browser/vendor/axe-core",
    packages: ["axe-core"],
    texts: { "axe.min.js": withoutMap(read("axe-core", "axe.min.js")) },
    copies: files("axe-core", "LICENSE", "LICENSE-3RD-PARTY.txt"),
  },
];

const manifests = { "static/vendor": {}, "tests/browser/vendor": {} };
for (const { folder, packages, texts = {}, copies = {} } of parts) {
  const into = join(root, folder);
  rmSync(into, { recursive: true, force: true });
  mkdirSync(into, { recursive: true });
  for (const [file, text] of Object.entries(texts)) writeFileSync(join(into, file), text);
  for (const [file, from] of Object.entries(copies)) cpSync(from, join(into, file));
  const made = [...Object.keys(texts), ...Object.keys(copies)].sort();
  const base = folder.startsWith("tests/") ? "tests/browser/vendor" : "static/vendor";
  manifests[base][relative(base, folder)] = {
    packages: Object.fromEntries(packages.map((name) => [name, { version: about(name).version, licence: about(name).license }])),
    sha256: Object.fromEntries(made.map((file) => [file, createHash("sha256").update(readFileSync(join(into, file))).digest("hex")])),
  };
}
for (const [base, manifest] of Object.entries(manifests)) {
  writeFileSync(join(root, base, "manifest.json"), JSON.stringify(manifest, null, 2) + "\n");
}
