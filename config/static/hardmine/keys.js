// The keys of all review pages: one table, one overlay, one listener.
//
// Labels take digits and letters only, so that none of these commands can collide with one.

const TABLE = [
  { act: "confirm", keys: ["Enter"], shown: "Enter", words: "confirm as it stands, next" },
  { act: "label", keys: [], shown: "1-9, letters", words: "the label's own key" },
  { act: "reject", keys: ["F2"], shown: "F2", words: "reject: back to Unlabeled" },
  { act: "hard", keys: ["F4"], shown: "F4", words: "confirm or unmark the hard example" },
  { act: "boxes", keys: ["F8"], shown: "F8", words: "show or hide boxes" },
  { act: "undo", keys: ["Ctrl-z"], shown: "Ctrl-Z", words: "undo, across images" },
  { act: "redo", keys: ["Ctrl-Shift-z", "Ctrl-y"], shown: "Ctrl-Shift-Z", words: "redo, across images" },
  { act: "previous", keys: ["ArrowLeft", "ArrowUp"], shown: "← ↑", words: "previous image" },
  { act: "next", keys: ["ArrowRight", "ArrowDown"], shown: "→ ↓", words: "next image" },
  { act: "box", keys: [], shown: "Tab, Shift-Tab", words: "next, previous box, zoomed to it" },
  { act: "box", keys: [], shown: "arrows", words: "a box is chosen: move it 1 px; Shift 10 px" },
  { act: "box", keys: [], shown: "Ctrl-arrows", words: "move its filled corner: the lower right one at first" },
  { act: "box", keys: [], shown: ". ,", words: "next, previous corner" },
  { act: "box", keys: [], shown: "Insert, Ctrl-D", words: "add a box, duplicate the chosen one" },
  { act: "box", keys: [], shown: "Backspace, Delete", words: "delete the chosen box" },
  { act: "box", keys: [], shown: "Shift-click, Shift-drag, Ctrl-A", words: "choose several boxes, all; by touch: Several" },
  { act: "box", keys: [], shown: "Ctrl-drag", words: "draw inside a box" },
  { act: "box", keys: [], shown: "Space", words: "accept the chosen dashed box; held: drag to pan" },
  { act: "box", keys: [], shown: "wheel, + - 0", words: "zoom about the cursor, fit" },
  { act: "cards", keys: [], shown: "arrows", words: "next, previous card; Shift chooses on the way" },
  { act: "cards", keys: [], shown: "Space", words: "choose the card" },
  { act: "cards", keys: [], shown: "click, Shift-click, drag", words: "choose a card, a row of cards, what the drag touches" },
  { act: "cards", keys: [], shown: "Enter", words: "open the image" },
  { act: "panel", keys: ["F6"], shown: "F6", words: "to the panel beside the image, and back" },
  { act: "leave", keys: ["Escape"], shown: "Esc", words: "drop the selection, leave" },
  { act: "keys", keys: ["?"], shown: "?", words: "this table" },
];
const TYPING = "input:not([type=hidden], [type=checkbox], [type=radio], [type=range]), select, textarea";
const PRESSED = "button, a[href], summary, input";

// The letter or digit of a key, whatever Shift and Caps Lock make of it; on a keyboard that gives neither (Cyrillic
// letters, French digits) the one that the key would give elsewhere.
function typed({ key, code, shiftKey }) {
  const elsewhere = /^(?:Key|Digit)(.)$/.exec(code);
  const foreign = key.length === 1 && !/[\x20-\x7e]/.test(key) && !shiftKey;
  return (foreign && elsewhere ? elsewhere[1] : key).toLowerCase();
}

function named(event) {
  if (!event.ctrlKey && !event.metaKey) return event.key;
  return `Ctrl-${event.shiftKey ? "Shift-" : ""}${typed(event)}`;
}

/**
 * Listens for the keys of a page and shows its overlay on `?`.
 *
 * acts: what each act of the table does here; `label(key)` gets a digit or letter and says whether it is one's key.
 *   Acts that are missing have no key and no line in the overlay; `words` replaces the words of some.
 * first(event): sees every key before the table and says whether it took it.
 * Gives a function that opens the overlay.
 */
export function listen(acts, { words = {}, first = () => false } = {}) {
  const rows = TABLE.filter(({ act }) => act in acts || act === "keys");
  const overlay = drawn(rows, words);
  const open = () => overlay.showModal();
  const table = new Map(rows.flatMap(({ act, keys }) => keys.map((key) => [key, act === "keys" ? open : acts[act]])));

  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
    if (event.target.closest(TYPING)) return;
    const pressed = event.target.closest(PRESSED);
    if (pressed && (event.key === "Enter" || event.key === " ")) return;
    const held = event.ctrlKey || event.metaKey;
    const act = table.get(named(event));
    if (!first(event)) {
      if (act) {
        if (!event.repeat) act();
      } else if (held || event.repeat || !acts.label?.(typed(event))) return;
    }
    event.preventDefault();
    event.stopPropagation(); // the admin's own keys stay silent
  });
  return open;
}

function drawn(rows, words) {
  const overlay = document.createElement("dialog");
  overlay.className = "hm hm-keys";
  overlay.setAttribute("aria-label", "Keys");
  const title = overlay.appendChild(document.createElement("h2"));
  title.textContent = "Keys";
  const body = overlay.appendChild(document.createElement("table")).appendChild(document.createElement("tbody"));
  for (const row of rows) {
    const line = body.appendChild(document.createElement("tr"));
    const key = line.appendChild(document.createElement("th"));
    key.scope = "row";
    key.textContent = row.shown;
    line.appendChild(document.createElement("td")).textContent = words[row.act] ?? row.words;
  }
  const close = overlay.appendChild(document.createElement("button"));
  close.type = "button";
  close.className = "hm-button";
  close.textContent = "Close";
  close.addEventListener("click", () => overlay.close());
  overlay.addEventListener("keydown", (event) => {
    if (event.key !== "?") return;
    event.stopPropagation(); // else the page would hear it, and open the overlay again
    overlay.close();
  });
  return document.body.appendChild(overlay);
}
