// What our editor (static/js/editor.js) uses of CodeMirror 6, as one module. `pythonLanguage` without `python()` leaves
// the completion sources and their package out.
export { defaultKeymap, history, historyKeymap, indentLess, indentMore } from "@codemirror/commands";
export { pythonLanguage } from "@codemirror/lang-python";
export { bracketMatching, HighlightStyle, indentUnit, syntaxHighlighting } from "@codemirror/language";
export { Compartment, EditorSelection, EditorState, RangeSet, StateEffect, StateField } from "@codemirror/state";
export {
  Decoration, drawSelection, EditorView, gutter, GutterMarker, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers, WidgetType,
} from "@codemirror/view";
export { tags } from "@lezer/highlight";
