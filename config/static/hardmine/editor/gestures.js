// What pointers do in the box editor: mouse, pen and touch by the same rules, without modes.
//
//   press and release                  choose the smallest box there; again: the next larger one
//   the same with Shift or Ctrl        choose it besides the others, or no longer
//   drag in a chosen box, any box      move the chosen boxes; choose and move it
//   drag an edge or a corner           resize
//   drag elsewhere                     draw; with Ctrl or an armed label: draw, wherever it starts
//   Shift-drag                         choose all boxes inside of a rubber band
//   with "Several" on                  press and drag choose as with Shift; a drag in a chosen box moves the chosen ones
//   Space-drag, middle button          push the image
//   wheel; two fingers                 zoom about the pointer; zoom and push
//
// Which gesture begins is decided here; what it does is in drags.js.

import { band, draw, pan, pinch, resize, shift } from "./drags.js";
import { area, clamp, handleAt, has, toImage, toStage } from "./geometry.js";

const SLACK = { mouse: 3, pen: 4, touch: 8 }; // screen pixels that still are a click
const REACH = { mouse: 6, pen: 8, touch: 22 }; // screen pixels around an edge that grab it
const WHEEL = { line: 16, page: 400, notch: 0.0015, pinch: 0.01, most: 0.4 }; // exponents of the zoom
const CURSORS = { n: "ns", s: "ns", e: "ew", w: "ew", nw: "nwse", se: "nwse", ne: "nesw", sw: "nesw" };

export class Gestures {
  constructor(editor, signal) {
    this.editor = editor;
    this.pointers = new Map(); // by pointer: its latest point
    this.active = null; // the gesture under way
    this.space = null; // held down: {panned}
    this.cursor = null; // where the mouse is on the stage
    const root = editor.canvas.element;
    const on = (target, name, act, options) => target.addEventListener(name, act.bind(this), { signal, ...options });
    on(root, "pointerdown", this.#down);
    on(root, "pointermove", this.#move);
    on(root, "pointerup", this.#up);
    on(root, "pointercancel", this.#lost);
    on(root, "lostpointercapture", this.#lost);
    on(root, "pointerleave", this.#leave);
    on(root, "wheel", this.#wheel, { passive: false });
    on(window, "keyup", this.#released);
    on(window, "blur", () => (this.space = null));
  }

  get busy() {
    return this.active !== null;
  }

  /** Space went down: a drag pushes the image, and a mere tap accepts. */
  hold() {
    this.space ??= { panned: false };
  }

  #released(event) {
    if (event.key !== " " || !this.space) return;
    const tapped = !this.space.panned && !this.busy;
    this.space = null;
    if (tapped) this.editor.accept();
  }

  /** Give up the gesture under way; everything is as before it. */
  cancel() {
    const gesture = this.active;
    this.active = null;
    if (gesture?.started) gesture.cancel();
  }

  #point(event) {
    return { x: event.clientX - this.corner.left, y: event.clientY - this.corner.top };
  }

  #down(event) {
    if (event.button > 1 || (event.button === 1 && event.pointerType !== "mouse")) return;
    const { editor } = this;
    const { canvas } = editor;
    if (this.pointers.size === 0) this.corner = canvas.rectangle();
    const point = this.#point(event);
    canvas.element.setPointerCapture(event.pointerId);
    canvas.element.focus({ preventScroll: true });
    event.preventDefault();
    this.pointers.set(event.pointerId, point);
    canvas.hover(null);
    if (event.pointerType === "touch" && this.pointers.size > 1) {
      this.cancel();
      this.active = this.pointers.size === 2 ? this.#pinch() : null;
    } else if (!this.active && this.pointers.size === 1) {
      this.active = this.#choose(event, point);
      this.active.pointer = event.pointerId;
      this.active.start = point;
      this.active.slack = SLACK[event.pointerType] ?? SLACK.mouse;
      this.active.adding = editor.several || event.shiftKey || event.ctrlKey || event.metaKey;
    }
  }

  #pinch() {
    const ids = [...this.pointers.keys()];
    const gesture = pinch(this.editor, () => ids.map((id) => this.pointers.get(id)));
    return { ...gesture, started: true };
  }

  // Which gesture a pressed pointer begins.
  #choose(event, point) {
    const { editor } = this;
    if (this.space) this.space.panned = true;
    if (this.space || event.button === 1 || editor.hidden) return pan(editor, point);
    const own = editor.several ? this.#own(point) : undefined;
    if (event.shiftKey || (editor.several && !own)) return band(editor, point);
    const hit = this.#hit(point, event.pointerType);
    if (editor.readonly) return pan(editor, point);
    if (own) return shift(editor, own, point);
    if (event.ctrlKey || event.metaKey || editor.armed !== null || !hit.box) return draw(editor, point);
    return hit.handle ? resize(editor, hit.box, hit.handle, point) : shift(editor, hit.box, point);
  }

  // A chosen box at a point.
  #own(point) {
    const at = toImage(this.editor.view, point);
    return this.editor.boxes.chosenBoxes.find((box) => has(box.box, at));
  }

  // What is at a point: a box with the handle that would be grabbed, a box, or nothing. The chosen box comes first, but
  // for an edge of a smaller one that lies inside of it; else the smallest.
  #hit(point, kind) {
    const { boxes, view } = this.editor;
    const reach = REACH[kind] ?? REACH.mouse;
    const at = toImage(view, point);
    const chosen = boxes.chosenBoxes;
    if (chosen.length === 1) {
      const handle = handleAt(toStage(view, chosen[0].box), point, reach);
      if (handle) return { box: chosen[0], handle };
    }
    const own = chosen.find((box) => has(box.box, at)) ?? null;
    const near = (box) => (kind === "touch" ? "" : handleAt(toStage(view, box.box), point, reach));
    const there = boxes.list.filter((box) => has(box.box, at) || near(box));
    const box = there.reduce((least, other) => (!least || area(other.box) < area(least.box) ? other : least), null);
    const handle = box ? near(box) : "";
    return own && (!handle || boxes.chosen.has(box.id)) ? { box: own, handle: "" } : { box, handle };
  }

  #move(event) {
    const known = this.pointers.has(event.pointerId);
    if (!known) {
      if (this.pointers.size === 0 && event.pointerType !== "touch") this.#hover(event);
      return;
    }
    const point = this.#point(event);
    this.pointers.set(event.pointerId, point);
    if (event.pointerType === "mouse") this.cursor = point;
    const gesture = this.active;
    if (!gesture || (gesture.pointer !== undefined && gesture.pointer !== event.pointerId)) return;
    if (!gesture.started) {
      if (Math.hypot(point.x - gesture.start.x, point.y - gesture.start.y) < gesture.slack) return;
      gesture.started = true;
      gesture.begin?.();
    }
    gesture.move(point);
  }

  #hover(event) {
    const { editor } = this;
    const { element } = editor.canvas;
    this.corner = editor.canvas.rectangle();
    this.cursor = this.#point(event);
    const over = !editor.hidden && !this.space && editor.armed === null;
    const { box, handle } = over ? this.#hit(this.cursor, event.pointerType) : { box: null };
    let shape = editor.readonly ? "grab" : "crosshair";
    if (this.space || editor.hidden) shape = "grab";
    else if (box && editor.readonly) shape = "pointer";
    else if (box && !event.ctrlKey && !event.metaKey) shape = handle ? `${CURSORS[handle]}-resize` : "move";
    editor.canvas.hover(box);
    if (element.style.cursor !== shape) element.style.cursor = shape;
  }

  #leave() {
    this.cursor = null;
    this.editor.canvas.hover(null);
  }

  #up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const gesture = this.active;
    if (!gesture || (gesture.pointer !== undefined && gesture.pointer !== event.pointerId)) return;
    this.active = null;
    if (gesture.started) gesture.end();
    else if (!this.space && !this.editor.hidden && event.button === 0) this.#click(gesture, event.pointerType);
  }

  #lost(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    if (this.active && (this.active.pointer ?? event.pointerId) === event.pointerId) this.cancel();
  }

  #click({ start, adding }, kind) {
    const { boxes, view } = this.editor;
    const reach = (kind === "touch" ? 12 : 4) / view.scale;
    const at = toImage(view, start);
    const there = boxes.list
      .filter(({ box }) => has([box[0] - reach, box[1] - reach, box[2] + reach, box[3] + reach], at))
      .sort((one, other) => area(one.box) - area(other.box));
    const chosen = boxes.chosen;
    if (adding) {
      if (there.length === 0) return;
      this.editor.toggleChosen(there[0].id);
    } else {
      const now = chosen.size === 1 ? there.findIndex(({ id }) => chosen.has(id)) : -1;
      this.editor.select(there.length ? [there[(now + 1) % there.length].id] : []);
    }
  }

  #wheel(event) {
    event.preventDefault();
    if (this.busy) return;
    this.corner = this.editor.canvas.rectangle();
    const lines = event.deltaMode === 1 ? WHEEL.line : event.deltaMode === 2 ? WHEEL.page : 1;
    const turned = -event.deltaY * lines * (event.ctrlKey ? WHEEL.pinch : WHEEL.notch); // Ctrl: a trackpad's pinch
    this.editor.zoomBy(Math.exp(clamp(turned, -WHEEL.most, WHEEL.most)), this.#point(event));
  }
}
