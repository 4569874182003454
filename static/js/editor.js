// CodeMirror over the textarea. It lives in a shadow root: there it takes constructed style sheets, so that the content
// security policy needs no exception. The textarea stays the truth: every edit is written through to it.
import {
  bracketMatching, Decoration, defaultKeymap, drawSelection, EditorSelection, EditorState, EditorView, gutter, GutterMarker,
  highlightActiveLine, highlightSpecialChars, HighlightStyle, history, historyKeymap, indentLess, indentMore, indentUnit, keymap,
  lineNumbers, pythonLanguage, RangeSet, StateEffect, StateField, syntaxHighlighting, tags, WidgetType,
} from "../vendor/codemirror/codemirror.js";

const setFacts = StateEffect.define();
const setLit = StateEffect.define();
const NOW = "now";
const DIFFERS = "differs";

class Icon extends GutterMarker {
  constructor(kind, icon) {
    super();
    this.kind = kind;
    this.icon = icon;
  }
  eq(other) {
    return this.kind === other.kind;
  }
  toDOM() {
    return this.icon.cloneNode(true);
  }
}

// What a line has to say at its end: that the run stands there, what it did, or what it made.
class EndNote extends WidgetType {
  constructor(parts) {
    super();
    this.parts = parts; // [text, kind], …
  }
  eq(other) {
    return JSON.stringify(this.parts) === JSON.stringify(other.parts);
  }
  toDOM() {
    const notes = document.createElement("span");
    notes.className = "end-notes";
    for (const [text, kind] of this.parts) {
      const note = notes.appendChild(document.createElement("span"));
      note.className = `end-note ${kind}`;
      note.textContent = text;
    }
    return notes;
  }
  ignoreEvent() {
    return false;
  }
}

const PADDING_PX = 26; // of a line, and between its note and the edge
const APART = 2; // characters between the code and the values at its line's end

function endNote(line, fact, room, stands, reached) {
  const parts = [];
  if (fact.words && reached(fact.since)) parts.push([fact.words, fact.mark]);
  else if (fact.values && reached(fact.settled) && line.length + fact.values.length + APART <= room) parts.push([fact.values, "values"]);
  if (stands && !fact.words) parts.push([NOW, NOW]);
  const taken = parts.reduce((sum, [text]) => sum + text.length + APART, line.length + DIFFERS.length + APART);
  if (fact.differs && taken <= room) parts.unshift([DIFFERS, DIFFERS]); // where it has no room the bar alone says it
  return parts.length ? new EndNote(parts) : null;
}

function names(state, refs) {
  const found = [];
  const word = /[\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}_][\p{L}\p{N}_]*|\[\d+\])*/gu;
  for (let number = 1; number <= state.doc.lines; number += 1) {
    const line = state.doc.line(number);
    for (const match of line.text.matchAll(word)) {
      // The longest known name at this place: `model.0.weight` before `model`.
      let name = match[0];
      while (name && !refs.has(name)) name = name.slice(0, Math.max(name.lastIndexOf("."), name.lastIndexOf("["), 0));
      const before = line.text.slice(0, match.index);
      if (!name || /[.\w"'#]$/.test(before) || before.includes("#")) continue;
      const from = line.from + match.index;
      found.push(Decoration.mark({ attributes: { "data-ref": refs.get(name) }, class: "ref" }).range(from, from + name.length));
    }
  }
  return found;
}

// `at` is where the run stands: what came later is not there yet. Without it, nothing ran.
function decorations(state, { lines, names: refs, room, at }) {
  const ranges = names(state, refs);
  const reached = (moment) => moment === null || at.moment === null || moment <= at.moment;
  for (const fact of lines) {
    if (fact.number > state.doc.lines) continue;
    const line = state.doc.line(fact.number);
    const stands = fact.number === at.line;
    const attributes = { "data-ref": `L${fact.number}` };
    if (fact.mark && reached(fact.since)) attributes["data-mark"] = fact.mark;
    ranges.push(Decoration.line({ attributes }).range(line.from));
    if (fact.differs) ranges.push(Decoration.line({ class: "differs" }).range(line.from));
    if (stands) ranges.push(Decoration.line({ class: NOW, stands }).range(line.from));
    if (fact.column && line.length) {
      const from = Math.min(line.from + fact.column - 1, line.to - 1);
      ranges.push(Decoration.mark({ class: "wavy" }).range(from, line.to));
    }
    if (fact.found && line.text.trim()) {
      const code = line.text.trimEnd();
      const from = line.from + code.length - code.trimStart().length;
      ranges.push(Decoration.mark({ class: `wavy ${fact.found}` }).range(from, line.from + code.length));
    }
    const note = endNote(line, fact, room, stands, reached);
    if (note) ranges.push(Decoration.widget({ widget: note, side: 1, stands }).range(line.to));
  }
  return Decoration.set(ranges, true);
}

function icons(state, { lines, at }) {
  const ranges = lines
    .filter((fact) => fact.icon && fact.number <= state.doc.lines && (fact.since === null || at.moment === null || fact.since <= at.moment))
    .map((fact) => new Icon(fact.kind, fact.icon).range(state.doc.line(fact.number).from));
  return RangeSet.of(ranges, true);
}

// What the last run showed. After an edit it moves with its line.
const shown = StateField.define({
  create: () => ({ marks: Decoration.none, icons: RangeSet.empty }),
  update(value, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(setFacts)) {
        return { marks: decorations(transaction.state, effect.value), icons: icons(transaction.state, effect.value) };
      }
    }
    if (!transaction.docChanged) return value;
    // An edited text has not run: nothing stands in it.
    const marks = value.marks.update({ filter: (from, to, mark) => !mark.spec.stands });
    return { marks: marks.map(transaction.changes), icons: value.icons.map(transaction.changes) };
  },
  provide: (field) => EditorView.decorations.from(field, (value) => value.marks),
});

// What is pointed at, here or anywhere on the page.
const lit = StateField.define({
  create: () => new Set(),
  update: (value, transaction) => transaction.effects.find((effect) => effect.is(setLit))?.value ?? value,
  provide: (field) =>
    EditorView.decorations.compute([field, shown], (state) => {
      const ranges = [];
      const refs = state.field(field);
      if (!refs.size) return Decoration.none;
      state.field(shown).marks.between(0, state.doc.length, (from, to, mark) => {
        if (!refs.has(mark.spec.attributes?.["data-ref"])) return;
        ranges.push((from === to ? Decoration.line({ class: "lit" }) : Decoration.mark({ class: "lit" })).range(from, from === to ? from : to));
      });
      return Decoration.set(ranges, true);
    }),
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.bool, tags.null, tags.self, tags.operatorKeyword, tags.modifier], color: "var(--code-keyword)" },
  { tag: [tags.number, tags.string], color: "var(--code-number)" },
  { tag: tags.comment, color: "var(--code-comment)" },
]);

const look = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "transparent", borderRadius: "0" },
  "&.cm-focused": { outline: "none", boxShadow: "inset 0 0 0 2px var(--accent)" },
  ".cm-scroller": { font: "13px/26px var(--font-code)", fontVariantLigatures: "none", maxHeight: "644px" },
  ".cm-content": { padding: "10px 0", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0 12px 0 8px", position: "relative" },
  ".cm-gutters": { border: "0", backgroundColor: "var(--surface)", color: "var(--ink-faint)" },
  ".cm-lineNumbers .cm-gutterElement": { minWidth: "22px", padding: "0", fontSize: "12px" },
  ".marks": { width: "22px" },
  ".marks .cm-gutterElement": { display: "grid", placeItems: "center" },
  ".cm-activeLine": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "var(--accent-soft)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-selectionBackground": { backgroundColor: "var(--value-low)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": { backgroundColor: "var(--value-mid)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--value-low)" },
  ".end-notes": {
    position: "absolute", top: "0", right: "calc(10px + var(--hidden-right, 0px))", display: "flex", gap: "4px", marginTop: "3px",
    userSelect: "none", pointerEvents: "none",
  },
  ".end-note": {
    padding: "0 6px", height: "20px", borderRadius: "9px", font: "12px/20px var(--font-text)", color: "var(--ink-soft)",
    backgroundColor: "var(--surface)", whiteSpace: "pre",
  },
  ".end-note.now": { color: "var(--accent)", background: "none", fontWeight: "600" },
  ".cm-line.differs": { backgroundColor: "var(--sunken)", boxShadow: "inset 3px 0 var(--outline)" },
  ".cm-line.now, &.cm-focused .cm-line.now": { boxShadow: "inset 3px 0 var(--accent)", backgroundColor: "var(--accent-soft)" },
  ".end-note.values": { fontFamily: "var(--font-code)", color: "var(--ink-faint)", background: "none" },
  ".end-note.differs": { color: "var(--ink)", fontWeight: "600" },
  ".end-note.unseen": { color: "var(--alarm)", backgroundColor: "var(--alarm-soft)", fontWeight: "600" },
  ".end-note.raised, .end-note.stopped": { color: "var(--page)", backgroundColor: "var(--ink)", fontWeight: "600" },
  '.cm-line[data-mark="raised"], .cm-line[data-mark="stopped"]': { boxShadow: "inset 3px 0 var(--ink)", backgroundColor: "var(--sunken)" },
  ".wavy.wrong": { textDecorationColor: "var(--alarm)" },
  ".wavy.warning, .wavy.note": { textDecorationColor: "var(--outline)" },
  ".wavy": { textDecoration: "underline wavy var(--ink) 1.5px", textUnderlineOffset: "4px" },
  ".cm-line.lit": { backgroundColor: "var(--accent-soft)" },
  "span.lit": { backgroundColor: "var(--accent)", borderRadius: "3px", boxShadow: "0 0 0 2px var(--accent)" },
  "span.lit, span.lit *": { color: "var(--accent-ink)" },
  ".mark-ink": { fill: "var(--ink)" },
  ".mark-line": { fill: "none", stroke: "var(--ink)", strokeWidth: "1.5" },
  ".mark-on-ink": { fill: "none", stroke: "var(--page)", strokeWidth: "1.6" },
  ".mark-struck": { fill: "var(--alarm-soft)", stroke: "var(--alarm)", strokeWidth: "1.6" },
});

// Notes stand at the right edge of what is seen, also where the code is wider than that.
function keepNotesInView(view) {
  const { scrollWidth, clientWidth, scrollLeft } = view.scrollDOM;
  view.dom.style.setProperty("--hidden-right", `${scrollWidth - clientWidth - scrollLeft}px`);
}

// Left to itself, Chromium replaces a selection with text in a `style=` of its own, which the content security policy
// refuses with a report.
function typeOver(event, view) {
  if (event.inputType !== "insertText" || event.data === null || event.isComposing) return false;
  const { from, to } = selected(view);
  if (from === to) return false;
  view.dispatch({
    changes: { from, to, insert: event.data },
    selection: EditorSelection.cursor(from + event.data.length),
    userEvent: "input.type",
    scrollIntoView: true,
  });
  event.preventDefault();
  return true;
}

// What is selected in the document: the editor's own state hears of it a moment later.
function selected(view) {
  const selection = view.root.getSelection?.();
  if (!selection?.anchorNode || !view.contentDOM.contains(selection.anchorNode) || !view.contentDOM.contains(selection.focusNode)) {
    return view.state.selection.main;
  }
  const anchor = view.posAtDOM(selection.anchorNode, selection.anchorOffset);
  const head = view.posAtDOM(selection.focusNode, selection.focusOffset);
  return { from: Math.min(anchor, head), to: Math.max(anchor, head) };
}

// A mark in the gutter of a line that a finding accuses leads there.
function goToFinding(view, block) {
  const detail = view.state.doc.lineAt(block.from).number;
  return !document.dispatchEvent(new CustomEvent("tapescope:finding", { detail, cancelable: true }));
}

export class Editor {
  constructor(source, host) {
    const root = host.attachShadow({ mode: "open" });
    let writing = false;
    this.view = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: source.value,
        extensions: [
          lineNumbers(),
          gutter({
            class: "marks", markers: (view) => view.state.field(shown).icons, initialSpacer: null, domEventHandlers: { click: goToFinding },
          }),
          history(),
          drawSelection(),
          highlightSpecialChars(),
          highlightActiveLine(),
          bracketMatching(),
          indentUnit.of("    "),
          EditorState.tabSize.of(4),
          pythonLanguage,
          syntaxHighlighting(colours),
          shown,
          lit,
          EditorView.domEventHandlers({ beforeinput: typeOver, scroll: (_, view) => keepNotesInView(view) }),
          keymap.of([{ key: "Tab", run: indentMore, shift: indentLess }, ...defaultKeymap, ...historyKeymap]),
          EditorView.contentAttributes.of({
            "aria-label": host.dataset.label ?? "Snippet", tabindex: "0", "aria-description": "Esc, then Tab, leaves the editor.", translate: "no", spellcheck: "false", autocorrect: "off",
            autocapitalize: "off",
          }),
          EditorView.updateListener.of((update) => {
            if (update.geometryChanged) {
              update.view.requestMeasure({ key: "notes", read: () => this.#measured(), write: (room, view) => this.#fitted(room, view) });
            }
            if (!update.docChanged) return;
            this.edited = true; // what is shown has moved with its lines since
            writing = true;
            source.value = update.state.doc.toString();
            source.dispatchEvent(new Event("input", { bubbles: true }));
            writing = false;
          }),
          look,
        ],
      }),
    });
    source.addEventListener("input", () => {
      if (!writing) this.replace(source.value);
    });
  }

  #fitted(room, view) {
    keepNotesInView(view);
    if (room !== this.room && this.facts && !this.edited) queueMicrotask(() => this.#fit());
  }

  // One change that can be undone, of no more than differs: the marks around it stay, and the caret goes there.
  replace(text) {
    const old = this.view.state.doc.toString();
    const shorter = Math.min(old.length, text.length);
    let from = 0;
    while (from < shorter && old[from] === text[from]) from += 1;
    let tail = 0;
    while (tail < shorter - from && old[old.length - 1 - tail] === text[text.length - 1 - tail]) tail += 1;
    const insert = text.slice(from, text.length - tail);
    // The name of its own keeps it apart from what was typed just before.
    this.view.dispatch({
      changes: { from, to: old.length - tail, insert },
      selection: EditorSelection.cursor(from + insert.length),
      userEvent: "replace",
      scrollIntoView: true,
    });
  }

  // Where the run stands. After an edit the marks have moved with their lines, and stay.
  stand(at, names) {
    if (!this.facts || this.edited) return;
    this.facts = { ...this.facts, at, names };
    this.view.dispatch({ effects: setFacts.of({ ...this.facts, room: this.room }) });
  }

  // Scrolls the editor alone: the page stays where its reader is.
  reveal(number) {
    if (this.edited || number > this.view.state.doc.lines) return;
    const { from } = this.view.state.doc.line(number);
    this.view.requestMeasure({
      key: "reveal",
      read: (view) => [view.lineBlockAt(from), view.scrollDOM.scrollTop, view.scrollDOM.clientHeight],
      write: ([{ top, bottom }, scrolled, height], view) => {
        if (top < scrolled || bottom > scrolled + height) view.scrollDOM.scrollTop = top - (height - bottom + top) / 2;
      },
    });
  }

  show(facts) {
    this.facts = facts;
    this.edited = false;
    this.#fit();
  }

  // Values stand at the ends of the lines that leave room for them.
  #fit() {
    this.room = this.#measured();
    this.view.dispatch({ effects: setFacts.of({ ...this.facts, room: this.room }) });
  }

  #measured() {
    const { scrollDOM, defaultCharacterWidth } = this.view;
    const gutters = scrollDOM.querySelector(".cm-gutters").offsetWidth;
    return Math.floor((scrollDOM.clientWidth - gutters - PADDING_PX) / defaultCharacterWidth);
  }

  light(refs) {
    this.view.dispatch({ effects: setLit.of(refs) });
  }

  goTo(number) {
    const line = this.view.state.doc.line(Math.min(number, this.view.state.doc.lines));
    this.view.dispatch({ selection: EditorSelection.cursor(line.to), effects: EditorView.scrollIntoView(line.from, { y: "nearest" }) });
    this.view.focus();
  }

  focus() {
    this.view.focus();
  }
}
