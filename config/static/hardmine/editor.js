// The box editor of the review bench: one component, no framework.
//
//   const editor = new BoxEditor(element, {
//     image, name, width, height,              address and file name; pixels of the upright image
//     labels: [{name, color, shortcut}],
//     boxes: [{id, label, box: [xmin, ymin, xmax, ymax], confidence, origin, hard, coefficient, reasons}],
//     sure: 0.5,                               a model's box below this confidence is dashed until it is accepted
//     readonly: false,
//     onchange: (editor) => {},                after each complete change, never in the middle of a drag
//     onselect: (editor) => {},                after each change of selection, armed and hidden
//   });
//
// The page hands key presses to key(event), which says whether they were meant for the boxes; pointers are heard by the
// editor itself (gestures.js).

import { Boxes } from "./editor/boxes.js";
import { Camera } from "./editor/camera.js";
import { Canvas } from "./editor/canvas.js";
import { beside, clamp, snap, toImage } from "./editor/geometry.js";
import { Gestures } from "./editor/gestures.js";
import { Hand } from "./editor/hand.js";
import { press } from "./editor/keys.js";
import { Voice } from "./editor/voice.js";
import { spoken } from "./editor/words.js";

const LIKENESS = 12; // screen pixels between a box and its duplicate
const ADDED = 0.25; // of the stage: the sides of a box that is added without a pointer

export class BoxEditor {
  constructor(element, options) {
    const { labels, boxes, sure = 0.5, readonly = false, onchange = () => {}, onselect = () => {} } = options;
    this.element = element;
    this.labels = labels;
    this.readonly = readonly;
    this.boxes = new Boxes(boxes, sure);
    this.hidden = false;
    this.several = false; // a press chooses besides what is chosen, a drag draws a rubber band: for fingers
    this.armed = null; // the label that the next drag draws, wherever it starts
    this.latest = labels[0]?.name ?? null;
    this.place = -0.5; // in the list, where Tab goes on from
    this.walked = false; // Tab came to the chosen box
    this.released = false; // the next Tab leaves the image
    this.called = { onchange, onselect };
    this.aborter = new AbortController();
    this.canvas = new Canvas(element, options);
    this.voice = new Voice(element, options.name);
    const { signal } = this.aborter;
    this.canvas.image.addEventListener("error", () => this.voice.say(this.canvas.fail()), { signal });
    this.camera = new Camera(this.canvas);
    this.gestures = new Gestures(this, signal);
    this.hand = new Hand(this);
    this.refresh();
  }

  // --- what stands ---------------------------------------------------------------------------------------------------

  /** [{label, box}] as they stand; an untouched box gives back its numbers to the last decimal. */
  claims() {
    return this.boxes.claims();
  }

  get changed() {
    return this.boxes.changed;
  }

  /** Whether boxes [{label, box}] claim something else than what stands. */
  differs(boxes) {
    return this.boxes.differs(boxes);
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
    this.walked = this.released = false;
    this.hand.letGo();
    this.refresh();
    this.voice.say(spoken(this.boxes));
    this.called.onselect(this);
  }

  /** Choose a box besides the others, or no longer. */
  toggleChosen(id) {
    const ids = new Set(this.boxes.chosen);
    if (!ids.delete(id)) ids.add(id);
    this.select([...ids]);
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
    this.camera.zoomTo(box.box, { following: true });
    this.walked = true;
    return true;
  }

  /** Drop the selection; the whole image again if Tab had zoomed in, and the next Tab may leave. False where there is
   *  none. */
  drop() {
    if (this.boxes.chosen.size === 0) return false;
    const { walked } = this;
    if (this.camera.followed) this.fit();
    this.select([]);
    this.released = walked;
    return true;
  }

  /** Choose several boxes with a finger, or no longer. */
  chooseSeveral(several) {
    if (several) this.arm(null);
    this.several = several;
    this.voice.say(several ? "Press boxes to choose several." : "");
    this.called.onselect(this);
  }

  /** Let the next drag draw a box of this label wherever it starts; null: no longer. */
  arm(name) {
    if (this.readonly) return;
    if (name !== null) this.several = false;
    this.armed = name;
    this.element.classList.toggle("hm-arming", name !== null);
    this.voice.say(name === null ? "" : `Draw a box of ${name}.`);
    this.called.onselect(this);
  }

  // --- changing ------------------------------------------------------------------------------------------------------

  /** Give the chosen boxes a label, which also accepts them. With none chosen, arm it; once more: disarm it. */
  setLabel(name) {
    if (this.readonly) return;
    if (this.boxes.chosen.size === 0) {
      this.arm(this.armed === name ? null : name);
      return;
    }
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
    const away = Math.max(1, snap(LIKENESS / this.view.scale));
    const places = beside(chosen.map(({ box }) => box), away, this.canvas.size);
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
    const { size } = this.canvas;
    const { stage, middle } = this.camera;
    const { x, y } = toImage(this.view, middle);
    const half = (whole, seen) => clamp(snap((ADDED * seen) / this.view.scale / 2), Math.min(1, whole / 2), whole / 2);
    const [across, down] = [half(size.width, stage.width), half(size.height, stage.height)];
    const left = clamp(snap(x), across, size.width - across);
    const top = clamp(snap(y), down, size.height - down);
    this.draw([left - across, top - down, left + across, top + down]);
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

  /** Take up the boxes of an earlier drawing: rows of its table(). */
  adopt(kept) {
    if (this.readonly) return;
    this.boxes.adopt(kept);
    this.finish();
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
    this.voice.say(spoken(this.boxes));
    this.called.onchange(this);
    this.called.onselect(this);
  }

  // --- looking -------------------------------------------------------------------------------------------------------

  refresh() {
    this.canvas.render(this.boxes.list, this.boxes.chosen);
  }

  /** Hide the boxes, or show them again. */
  toggle() {
    this.hidden = !this.hidden;
    this.element.classList.toggle("hm-editor-bare", this.hidden);
    this.voice.say(this.hidden ? "Boxes hidden." : "Boxes shown.");
    this.called.onselect(this);
  }

  get view() {
    return this.camera.view;
  }

  /** Show the whole image. */
  fit() {
    this.camera.fit();
  }

  /** Zoom about a point of the stage; about the pointer, or the middle, without one. */
  zoomBy(factor, point = this.gestures.cursor ?? this.camera.middle) {
    this.camera.zoomBy(factor, point);
  }

  /** Show a box large, in the middle. */
  zoomTo(id) {
    const found = this.boxes.list.find((box) => String(box.id) === String(id));
    if (found) this.camera.zoomTo(found.box);
  }

  // --- keys, and the end ---------------------------------------------------------------------------------------------

  /** Handle a key press, if it is one for the boxes; true where it was. */
  key(event) {
    const meant = press(this, event);
    if (meant) event.preventDefault();
    return meant;
  }

  /** Take everything away that the editor put into its element. */
  destroy() {
    this.aborter.abort();
    this.camera.destroy();
    this.canvas.destroy();
    this.voice.destroy();
  }
}
