// Moves one drawing between moments. What comes or goes says when (data-from, data-to); what changes names its tracks
// (data-t="text 12 class 13"). All of it is looked up once; a step then touches only what changes with it.
// A track is [stop, word, stop, word, …]: from which stop on it holds which word.
// Classes that are no part of a track: "ahead" and "past" are where the element itself says when it is there.
const KEPT = ["lit"];
const KEPT_WITH_STATE = ["ahead", "past", "lit"];

export class Film {
  // `root` shows the stop number `at`.
  constructor({ stops, words, tracks }, root, at = stops.length - 1) {
    this.stops = stops;
    this.words = words;
    this.tracks = tracks;
    this.at = at;
    this.coming = stops.map(() => []); // by the stop at which they come
    this.going = stops.map(() => []);
    this.holders = new Map(); // by track: [element, attribute, element, attribute, …]
    this.turning = stops.map(() => []); // by stop: the tracks that have another word from there on
    for (const element of root.querySelectorAll("[data-from]")) this.coming[this.index(element.dataset.from)]?.push(element);
    for (const element of root.querySelectorAll("[data-to]")) this.going[this.index(element.dataset.to)]?.push(element);
    for (const element of root.querySelectorAll("[data-t]")) {
      const pairs = element.dataset.t.trim().split(/\s+/);
      for (let place = 0; place + 1 < pairs.length; place += 2) this.#hold(Number(pairs[place + 1]), element, pairs[place]);
    }
  }

  #hold(track, element, attribute) {
    if (!this.holders.has(track)) {
      this.holders.set(track, []);
      for (let place = 2; place < this.tracks[track].length; place += 2) this.turning[this.tracks[track][place]].push(track);
    }
    this.holders.get(track).push(element, attribute);
  }

  // The stop at which what happens at `moment` is first seen; past the last one for what is never seen.
  index(moment) {
    let low = 0;
    let high = this.stops.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.stops[middle] < moment) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // What a track holds at a stop.
  word(track, stop) {
    const turns = this.tracks[track];
    let place = 0;
    while (place + 2 < turns.length && turns[place + 2] <= stop) place += 2;
    return this.words[turns[place + 1]];
  }

  show(stop) {
    const to = Math.min(Math.max(stop, 0), this.stops.length - 1);
    const [first, last] = to > this.at ? [this.at + 1, to] : [to + 1, this.at];
    const later = to > this.at;
    const turned = new Set();
    for (let each = first; each <= last; each += 1) {
      for (const element of this.coming[each]) element.classList.toggle("ahead", !later);
      for (const element of this.going[each]) element.classList.toggle("past", later);
      for (const track of this.turning[each]) turned.add(track);
    }
    for (const track of turned) {
      const word = this.word(track, to);
      if (word === this.word(track, this.at)) continue;
      const holders = this.holders.get(track);
      for (let place = 0; place < holders.length; place += 2) put(holders[place], holders[place + 1], word);
    }
    this.at = to;
  }
}

function put(element, attribute, word) {
  if (attribute === "text") write(element, word);
  else if (attribute === "class") look(element, word);
  else if (word === "") element.removeAttribute(attribute);
  else element.setAttribute(attribute, word);
}

function look(element, word) {
  const kept = element.hasAttribute("data-from") || element.hasAttribute("data-to") ? KEPT_WITH_STATE : KEPT;
  element.setAttribute("class", [word, ...kept.filter((one) => element.classList.contains(one))].join(" ").trim());
}

// A text that is there already is changed, which costs half of putting another in its place.
function write(element, word) {
  const text = element.firstChild;
  if (text?.nodeType === Node.TEXT_NODE && !text.nextSibling) text.data = word;
  else element.textContent = word;
}
