// What stands beside the boxes: the labels to give them, and a table with the confidence and the reasons of each. A row
// chooses its box and shows it large.

const make = (name, properties, ...children) => {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
};

export class BoxTable {
  /** place: where the table stands; its buttons work on `editor`, which may change with each image. */
  constructor(place) {
    this.rows = make("ol", { className: "hm-boxlist" });
    this.empty = make("p", { className: "hm-quiet", textContent: "No boxes. Draw one, or press Labeled: there is nothing." });
    this.tools = make("p", { className: "hm-row" });
    for (const [words, act] of [["+ Add", "add"], ["Accept all", "acceptAll"], ["Delete", "remove"]]) {
      const button = make("button", { type: "button", className: "hm-button hm-small", textContent: words });
      button.addEventListener("click", () => this.#then(() => this.editor[act]()));
      this.tools.append(button);
    }
    this.several = make("button", { type: "button", className: "hm-button hm-small", textContent: "Several", title: "A press chooses one more box, a drag all that it goes around" });
    this.several.addEventListener("click", () => this.#then(() => this.editor.chooseSeveral(!this.editor.several)));
    this.tools.append(this.several);
    this.labels = [...place.querySelectorAll("[data-tool]")];
    for (const label of this.labels) {
      label.addEventListener("click", () => this.#then(() => this.editor.setLabel(label.dataset.tool)));
    }
    place.append(this.rows, this.empty, this.tools);
    this.rows.addEventListener("click", (event) => {
      const id = this.ids.get(event.target.closest("li"));
      if (id === undefined) return;
      this.#then(() => {
        if (this.editor.several) this.editor.toggleChosen(id);
        else {
          this.editor.select([id]);
          this.editor.zoomTo(id);
        }
      });
    });
  }

  // Keys go on with the boxes, whatever was pressed beside them.
  #then(act) {
    act();
    this.editor.element.focus({ preventScroll: true });
  }

  /** The boxes as they stand now. */
  show(editor) {
    this.editor = editor;
    this.tools.hidden = editor.readonly;
    const boxes = editor.table();
    this.ids = new Map();
    this.rows.replaceChildren(
      ...boxes.map((box) => {
        const row = make("li", {}, this.#row(box), ...box.reasons.map((words) => make("p", { className: "hm-quiet", textContent: words })));
        this.ids.set(row, box.id);
        return row;
      }),
    );
    this.empty.hidden = boxes.length > 0;
    this.choose(editor);
  }

  /** Which boxes are chosen now, and their labels; the one that the next box gets where none is. */
  choose(editor) {
    const chosen = new Set(editor.selection);
    const names = new Set(editor.table().filter(({ id }) => chosen.has(id)).map(({ label }) => label));
    if (chosen.size === 0) names.add(editor.tool);
    for (const label of this.labels) label.classList.toggle("hm-active", names.has(label.dataset.tool));
    this.several.setAttribute("aria-pressed", String(editor.several));
    this.several.classList.toggle("hm-active", editor.several);
    for (const [row, id] of this.ids) {
      row.classList.toggle("hm-active", chosen.has(id));
      row.firstChild.setAttribute("aria-pressed", String(chosen.has(id)));
    }
  }

  #row({ index, label, color, confidence, hard, dashed }) {
    const swatch = make("i", { className: "hm-swatch" });
    swatch.style.background = color;
    const row = make("button", { type: "button" }, swatch, make("span", { textContent: `${index} ${label}` }));
    if (dashed) row.append(make("b", { textContent: "!", title: "Low confidence: Space accepts it" }));
    if (hard) row.append(make("span", { className: "hm-hard hm-inline", textContent: "hard" }));
    if (confidence !== null) row.append(make("span", { className: "hm-num", textContent: confidence.toFixed(2) }));
    return row;
  }
}
