// The box editor of the review bench: one component, no framework.
//
//   const editor = new BoxEditor(element, { image, name, width, height, labels, boxes, sure, readonly, onchange, onselect });
//
// `width` and `height` are those of the upright image; boxes are [xmin, ymin, xmax, ymax] in its pixels. The page hands key presses
// to `key(event)`, which says whether they were meant for the boxes; pointers are heard by the editor itself.
// What pointers do: gestures.js. What is shown: canvas.js. Undo: boxes.js. Arithmetic: geometry.js.

import { Boxes } from "./editor/boxes.js";
import { Canvas, described } from "./editor/canvas.js";
import { Gestures } from "./editor/gestures.js";
import { clamp, grown, held, moved, scales, showing, snap, toImage, zoomed } from "./editor/geometry.js";
import { press } from "./editor/keys.js";

const MARGIN = 14; // screen pixels around the whole image
const LIKENESS = 12; // screen pixels between a box and its duplicate
const SHARE = 0.45; // of the stage that a box fills when zoomed to
const NEAREST = 8; // screen pixels for one of the image when zoomed to a box, unless the whole image is larger
const HELP =
  "Tab and Shift Tab: next and previous box. Arrows move the chosen box, with Control they resize it. " +
  "A label's key sets its label. Insert adds a box, Delete removes it. Escape, then Tab leaves the image.";
let editors = 0;

export class BoxEditor {
  constructor(element, options) {
    const { labels, boxes, sure = 0.5, readonly = false, onchange = () => {}, onselect = () => {} } = options;
    this.element = element;
    this.labels = labels;
    this.readonly = readonly;
    this.boxes = new Boxes(boxes, sure);
    this.hidden = false;
    this.armed = null; // the label that the next drag draws, wherever it starts
    this.latest = labels[0]?.name ?? null;
    this.place = -0.5; // in the list, where Tab goes on from
    this.called = { onchange, onselect };
    this.aborter = new AbortController();
    this.before = ["class", "role", "aria-roledescription", "aria-label", "aria-describedby", "tabindex"].map(
      (name) => [name, element.getAttribute(name)],
    );

    element.classList.add("hm-editor");
    element.tabIndex = 0;
    element.setAttribute("role", "application");
    element.setAttribute("aria-roledescription", "box editor");
    element.setAttribute("aria-label", options.name ? `Boxes of ${options.name}` : "Boxes of the image");
    this.canvas = new Canvas(element, options);
    this.help = this.#hiddenText(HELP);
    this.help.id = `hm-editor-help-${(editors += 1)}`;
    element.setAttribute("aria-describedby", this.help.id);
    this.live = this.#hiddenText("");
    this.live.setAttribute("role", "status");
    this.canvas.image.addEventListener("error", () => this.#say("The image could not be loaded."), {
      signal: this.aborter.signal,
    });

    this.gestures = new Gestures(this, this.aborter.signal);
    this.stage = { width: 0, height: 0 };
    this.fitted = true;
    this.observer = new ResizeObserver(() => this.#measure());
    this.observer.observe(element);
    this.#measure();
    this.refresh();
  }

  #hiddenText(words) {
    const node = document.createElement("div");
    node.className = "hm-hidden";
    node.textContent = words;
    this.element.append(node);
    return node;
  }

  // --- what stands ---------------------------------------------------------------------------------------------------

  /** [{label, box}] as they stand; an untouched box gives back its numbers to the last decimal. */
  claims() {
    return this.boxes.claims();
  }

  get changed() {
    return this.boxes.changed;
  }

  get selection() {
    return [...this.boxes.chosen];
  }

  get canUndo() {
    return this.boxes.done.length > 0;
  }

  get canRedo() {
    return this.boxes.undone.length > 0;
  }

  /** The label that a new box gets. */
  get tool() {
    return this.armed ?? this.latest;
  }

  /** Rows for a table of the boxes beside the image, in the order of claims(); `index` counts from 1. */
  table() {
    return this.boxes.list.map((box, index) => ({
      id: box.id,
      index: index + 1,
      label: box.label,
      color: this.canvas.colorOf(box.label),
      box: [...box.box],
      confidence: box.confidence ?? null,
      origin: box.origin,
      hard: Boolean(box.hard),
      coefficient: box.coefficient ?? null,
      reasons: [...(box.reasons ?? [])],
      chosen: this.boxes.chosen.has(box.id),
      dashed: box.dashed,
    }));
  }

  // --- choosing ------------------------------------------------------------------------------------------------------

  select(ids) {
    this.boxes.choose(ids);
    const last = this.boxes.list.findLastIndex((box) => this.boxes.chosen.has(box.id));
    if (last >= 0) this.place = last;
    this.released = false;
    this.refresh();
    this.#tell();
    this.called.onselect(this);
  }

  selectAll() {
    this.select(this.boxes.list.map((box) => box.id));
  }

  /** Choose the next box (step 1) or the previous one (-1), zoomed to it. False where there is none. */
  next(step) {
    const count = this.boxes.list.length;
    if (count === 0) return false;
    const index = step > 0 ? Math.floor(this.place + 1) : Math.ceil(this.place - 1);
    const box = this.boxes.list[(index + count) % count];
    this.select([box.id]);
    this.zoomTo(box.id);
    this.followed = true;
    return true;
  }

  /** Drop the selection; the whole image again if Tab had zoomed in. False where nothing was chosen. */
  drop() {
    if (this.boxes.chosen.size === 0) return false;
    if (this.followed) this.fit();
    this.select([]);
    return true;
  }

  /** Let the next drag draw a box of this label wherever it starts; null: no longer. */
  arm(name) {
    if (this.readonly) return;
    this.armed = name;
    this.element.classList.toggle("hm-arming", name !== null);
    this.#say(name === null ? "" : `Draw a box of ${name}.`);
    this.called.onselect(this);
  }

  // --- changing ------------------------------------------------------------------------------------------------------

  /** Give the chosen boxes a label, which also accepts them. */
  setLabel(name) {
    if (this.readonly || this.boxes.chosen.size === 0) return;
    this.latest = name;
    if (this.boxes.alter(() => ({ label: name }))) this.finish();
  }

  remove() {
    if (this.readonly || this.boxes.chosen.size === 0) return;
    this.place = this.boxes.list.findIndex((box) => this.boxes.chosen.has(box.id)) - 0.5;
    this.boxes.remove();
    this.finish();
  }

  duplicate() {
    if (this.readonly || this.boxes.chosen.size === 0) return;
    const chosen = this.boxes.chosenBoxes;
    const numbers = chosen.map(({ box }) => box);
    const away = Math.max(1, snap(LIKENESS / this.view.scale));
    const shifts = [1, -1].flatMap((x) => [1, -1].map((y) => moved(numbers, x * away, y * away, this.canvas.size)));
    const roomy = shifts.find((places) => places[0][0] !== numbers[0][0] && places[0][1] !== numbers[0][1]);
    const places = roomy ?? shifts[0];
    this.boxes.add(chosen.map(({ label }, index) => ({ label, box: places[index] })));
    this.finish();
  }

  /** Add a box that was drawn. */
  draw(box) {
    if (this.readonly || this.tool === null) return;
    this.latest = this.tool;
    this.boxes.add([{ label: this.latest, box }]);
    if (this.armed !== null) this.arm(null);
    this.finish();
  }

  /** Add a box in the middle of what is seen, for those who draw without a pointer. */
  add() {
    const { width, height } = this.canvas.size;
    const { x, y } = toImage(this.view, { x: this.stage.width / 2, y: this.stage.height / 2 });
    const half = (size, stage) => clamp(snap(stage / this.view.scale / 8), Math.min(1, size / 2), size / 2);
    const [across, down] = [half(width, this.stage.width), half(height, this.stage.height)];
    const [left, top] = [clamp(snap(x), across, width - across), clamp(snap(y), down, height - down)];
    this.draw([left - across, top - down, left + across, top + down]);
  }

  /** Move (or resize) the chosen boxes by whole pixels. */
  nudge(dx, dy, { resize = false, joined = false } = {}) {
    if (this.readonly) return;
    const { size } = this.canvas;
    const chosen = this.boxes.chosenBoxes;
    const numbers = chosen.map(({ box }) => box);
    const places = resize ? numbers.map((box) => grown(box, dx, dy, size)) : moved(numbers, dx, dy, size);
    const byId = new Map(chosen.map(({ id }, index) => [id, places[index]]));
    if (this.boxes.alter(({ id }) => ({ box: byId.get(id) }), { joined })) this.finish();
  }

  /** The chosen boxes are right as they are: no longer dashed. */
  accept() {
    if (this.readonly) return;
    if (this.boxes.alter(() => ({}))) this.finish();
  }

  /** All dashed boxes are right. */
  acceptAll() {
    if (this.readonly) return;
    const ids = new Set(this.boxes.list.filter((box) => box.dashed).map((box) => box.id));
    if (this.boxes.alter(() => ({}), { ids })) this.finish();
  }

  undo() {
    if (!this.readonly && this.boxes.undo()) this.finish();
  }

  redo() {
    if (!this.readonly && this.boxes.redo()) this.finish();
  }

  /** A change is complete: show it, tell it. */
  finish() {
    if (this.hidden) this.toggle();
    this.refresh();
    this.#tell();
    this.called.onselect(this);
    this.called.onchange(this);
  }

  // --- looking -------------------------------------------------------------------------------------------------------

  refresh() {
    this.canvas.render(this.boxes.list, this.boxes.chosen);
  }

  /** Hide the boxes, or show them again. */
  toggle() {
    this.hidden = !this.hidden;
    this.element.classList.toggle("hm-editor-bare", this.hidden);
    this.#say(this.hidden ? "Boxes hidden." : "Boxes shown.");
  }

  get view() {
    return this.canvas.view;
  }

  look(view) {
    this.fitted = false;
    this.followed = false;
    this.canvas.look(view);
  }

  get fitScale() {
    return this.#whole().scale;
  }

  #whole() {
    const { width, height } = this.canvas.size;
    const inner = {
      width: Math.max(1, this.stage.width - 2 * MARGIN),
      height: Math.max(1, this.stage.height - 2 * MARGIN),
    };
    const view = showing([0, 0, width, height], inner, 1);
    return { scale: view.scale, x: view.x + MARGIN, y: view.y + MARGIN };
  }

  /** Show the whole image. */
  fit() {
    this.look(this.#whole());
    this.fitted = true;
  }

  /** Zoom about a point of the stage; about the pointer, or the middle, without one. */
  zoomBy(factor, point = this.gestures.cursor) {
    const view = zoomed(this.view, factor, point, scales(this.fitScale));
    this.look(held(view, this.stage, this.canvas.size));
  }

  /** Show a box large, in the middle. */
  zoomTo(id) {
    const found = this.boxes.list.find((box) => box.id === id);
    if (!found) return;
    const whole = this.#whole();
    const near = showing(found.box, this.stage, SHARE);
    const scale = clamp(near.scale, whole.scale, Math.max(NEAREST, whole.scale));
    const middle = { x: this.stage.width / 2, y: this.stage.height / 2 };
    this.look(scale === whole.scale ? whole : zoomed(near, scale / near.scale, middle, [scale, scale]));
  }

  #measure() {
    const { width, height } = this.canvas.rectangle();
    const stage = { width, height };
    const { view } = this;
    const moved = { x: (width - this.stage.width) / 2, y: (height - this.stage.height) / 2 };
    this.stage = stage;
    this.canvas.resize(stage);
    if (this.fitted) this.fit();
    else this.canvas.look(held({ ...view, x: view.x + moved.x, y: view.y + moved.y }, stage, this.canvas.size));
  }

  // --- keys and words ------------------------------------------------------------------------------------------------

  /** Handle a key press, if it is one for the boxes; true where it was. */
  key(event) {
    const meant = press(this, event);
    if (meant) event.preventDefault();
    return meant;
  }

  #say(words) {
    if (this.live.textContent !== words) this.live.textContent = words;
  }

  #tell() {
    const chosen = this.boxes.chosenBoxes;
    if (chosen.length !== 1) {
      this.#say(chosen.length === 0 ? "No box chosen." : `${chosen.length} boxes chosen.`);
      return;
    }
    const [box] = chosen;
    const [xmin, ymin, xmax, ymax] = box.box.map(Math.round);
    const index = this.boxes.list.indexOf(box) + 1;
    const words = [`Box ${index} of ${this.boxes.list.length}: ${described(box)}`];
    if (box.dashed) words.push("to be accepted");
    words.push(`${xmax - xmin} by ${ymax - ymin} at ${xmin}, ${ymin}`);
    this.#say(words.join(", "));
  }

  /** Take everything away that the editor put into its element. */
  destroy() {
    this.aborter.abort();
    this.observer.disconnect();
    this.canvas.destroy();
    this.help.remove();
    this.live.remove();
    this.element.style.cursor = "";
    for (const [name, value] of this.before) {
      if (value === null) this.element.removeAttribute(name);
      else this.element.setAttribute(name, value);
    }
  }
}
