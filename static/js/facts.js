// The server's list of lines, as an editor wants it.
const number = (text) => (text === undefined ? null : Number(text));

export const factsOf = (list) =>
  [...document.querySelectorAll(`${list} > li`)].map((line) => ({
    number: line.value,
    mark: line.dataset.mark ?? null,
    icon: line.querySelector(".gutter svg"),
    kind: line.dataset.icon ?? line.dataset.mark ?? null,
    words: line.dataset.words ?? null,
    values: line.dataset.values ?? null,
    column: Number(line.dataset.column ?? 0),
    found: line.dataset.found ?? null,
    differs: "differs" in line.dataset,
    since: number(line.dataset.since),
    settled: number(line.dataset.settled),
  }));
