// What the box editor shows: the image, its boxes as SVG, eight handles, the words above a box. It knows nothing of
// gestures and keys. Only what changed is touched, so that a thousand boxes cost a drag no more than one.
//
// Every box is a path whose `d` holds its four numbers as they are kept, to the last decimal.

import { toStage } from "./geometry.js";
import { described, sized } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
const ROOM = 30; // screen pixels that a side needs for a handle in its middle
const CASED = 300; // boxes at most that are set off: more would hide the image and halve the frames of a zoom
const WORDS = 130; // screen pixels kept free for the words above a box

const make = (tag, attributes, parent) => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  parent.append(node);
  return node;
};

// Whether a color "#rrggbb" needs something dark beside it rather than something light.
const pale = (color) => {
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16));
  return 0.3 * red + 0.59 * green + 0.11 * blue > 150;
};

const outline = ([xmin, ymin, xmax, ymax]) => `M${xmin} ${ymin}H${xmax}V${ymax}H${xmin}Z`;

export class Canvas {
  constructor(element, { image, name = "", width, height, labels }) {
    this.element = element;
    element.classList.add("hm-editor");
    this.size = { width, height };
    this.colors = new Map(labels.map((label) => [label.name, label.color]));
    this.paths = new Map(); // by id: {path, box}, box as it was drawn last
    this.chosen = new Set();
    this.view = { scale: 1, x: 0, y: 0 };

    this.image = document.createElement("img");
    this.image.className = "hm-editor-image";
    this.image.alt = name;
    this.image.draggable = false;
    this.image.decoding = "sync"; // with its boxes, not a moment after them
    this.image.style.width = `${width}px`;
    this.image.style.height = `${height}px`;
    this.image.src = image;
    element.append(this.image);

    this.svg = make("svg", { class: "hm-editor-boxes", "aria-hidden": "true" }, element);
    this.scene = make("g", {}, this.svg);
    this.cases = ["", " hm-pale", " hm-doubtful", " hm-pale hm-doubtful"].map((marks) =>
      make("path", { class: `hm-editor-case${marks}` }, this.scene),
    );
    this.top = make("g", { class: "hm-editor-top" }, this.svg);
    this.casing = make("path", {}, this.top);
    this.ring = make("path", { class: "hm-editor-ring" }, this.top);
    this.draftPath = make("path", { class: "hm-editor-ring hm-editor-draft" }, this.top);
    this.bandPath = make("path", { class: "hm-editor-band" }, this.top);
    this.handles = HANDLES.map((handle) =>
      make("rect", { class: `hm-editor-handle hm-editor-${handle}`, width: 10, height: 10, x: -5, y: -5 }, this.top),
    );
    this.words = this.#tag("hm-editor-words");
    this.hint = this.#tag("hm-editor-words hm-editor-hint");
  }

  #tag(names) {
    const tag = document.createElement("div");
    tag.className = names;
    tag.hidden = true;
    tag.setAttribute("aria-hidden", "true");
    this.element.append(tag);
    return tag;
  }

  /** The stage's place in the window; asked once at the start of a gesture, since asking costs a layout. */
  rectangle() {
    return this.svg.getBoundingClientRect();
  }

  colorOf(label) {
    return this.colors.get(label) ?? "#3399ff";
  }

  /** Look at the image through another view. */
  look(view) {
    this.view = view;
    const { scale, x, y } = view;
    this.scene.setAttribute("transform", `matrix(${scale} 0 0 ${scale} ${x} ${y})`);
    this.image.style.transform = `matrix(${scale}, 0, 0, ${scale}, ${x}, ${y})`;
    this.image.classList.toggle("hm-editor-pixels", scale >= 4);
    this.hover(null);
    this.#mark();
  }

  /** Show a list of boxes, of which some are chosen. Boxes that are the same objects as before are not touched. */
  render(list, chosen) {
    const gone = new Set(this.paths.keys());
    let stale = false;
    for (const box of list) {
      gone.delete(box.id);
      const shown = this.paths.get(box.id) ?? { path: make("path", {}, this.scene) };
      const news = shown.box !== box;
      if (news) {
        shown.box = box;
        this.paths.set(box.id, shown);
        shown.path.setAttribute("d", outline(box.box));
        shown.path.style.setProperty("--hm-box", this.colorOf(box.label));
      }
      if (news || this.chosen.has(box.id) !== chosen.has(box.id)) {
        const marks = [box.dashed && " hm-doubtful", chosen.has(box.id) && " hm-chosen"].filter(Boolean);
        shown.path.setAttribute("class", `hm-editor-box${marks.join("")}`);
        stale = true;
      }
    }
    for (const id of gone) {
      this.paths.get(id).path.remove();
      this.paths.delete(id);
    }
    this.chosen = new Set(chosen);
    if (stale || gone.size > 0) this.#encase(list);
    this.hover(null);
    this.#mark();
  }

  // What sets the boxes off from an image of their own color, dashed as they are: a few paths for all but the chosen,
  // which may be dragged.
  #encase(list) {
    const outlines = ["", "", "", ""];
    for (const { id, box, label, dashed } of list.length > CASED ? [] : list) {
      if (!this.chosen.has(id)) outlines[Number(pale(this.colorOf(label))) + 2 * Number(dashed)] += outline(box);
    }
    outlines.forEach((all, index) => this.cases[index].setAttribute("d", all));
  }

  /** Show boxes [[id, numbers]] elsewhere while they are dragged. */
  drag(places) {
    for (const [id, numbers] of places) this.paths.get(id).path.setAttribute("d", outline(numbers));
    if (this.chosen.size === 1 && places.length === 1) this.#mark(places[0][1]);
  }

  /** Show a box that is being drawn, or none. */
  draft(numbers, label) {
    if (!numbers) {
      this.draftPath.removeAttribute("d");
      this.#mark();
      return;
    }
    const place = toStage(this.view, numbers);
    this.draftPath.setAttribute("d", outline(place));
    this.draftPath.style.setProperty("--hm-box", this.colorOf(label));
    this.#say(this.words, place, label, sized(label, numbers));
  }

  /** Show a rubber band, in screen pixels, or none. */
  band(place) {
    if (place) this.bandPath.setAttribute("d", outline(place));
    else this.bandPath.removeAttribute("d");
  }

  /** Show which box is under the pointer, or none. */
  hover(box) {
    if (this.hovered === box?.id) return;
    this.paths.get(this.hovered)?.path.classList.remove("hm-hovered");
    this.hovered = box?.id;
    this.paths.get(this.hovered)?.path.classList.add("hm-hovered");
    if (box && !this.chosen.has(box.id)) this.#say(this.hint, toStage(this.view, box.box), box.label, described(box));
    else this.hint.hidden = true;
  }

  /** Mark the corner that the keyboard moves. */
  hold(corner) {
    HANDLES.forEach((handle, index) => this.handles[index].classList.toggle("hm-held", handle === corner));
  }

  // The ring, the handles and the words of the one chosen box, which may be under way to `numbers`.
  #mark(numbers) {
    const sole = this.chosen.size === 1 ? this.paths.get([...this.chosen][0])?.box : undefined;
    if (!sole) {
      this.casing.removeAttribute("d");
      this.ring.removeAttribute("d");
      for (const handle of this.handles) handle.setAttribute("visibility", "hidden");
      this.words.hidden = true;
      return;
    }
    const place = toStage(this.view, numbers ?? sole.box);
    const [xmin, ymin, xmax, ymax] = place;
    this.casing.setAttribute("d", outline(place));
    const doubtful = sole.dashed ? " hm-doubtful" : "";
    const marks = pale(this.colorOf(sole.label)) ? ` hm-pale${doubtful}` : doubtful;
    this.casing.setAttribute("class", `hm-editor-casing${marks}`);
    this.ring.setAttribute("d", outline(place));
    this.ring.setAttribute("class", `hm-editor-ring${doubtful}`);
    this.top.style.setProperty("--hm-box", this.colorOf(sole.label));
    HANDLES.forEach((handle, index) => {
      const x = handle.includes("w") ? xmin : handle.includes("e") ? xmax : (xmin + xmax) / 2;
      const y = handle.includes("n") ? ymin : handle.includes("s") ? ymax : (ymin + ymax) / 2;
      const room = handle.length === 2 || (handle === "n" || handle === "s" ? xmax - xmin : ymax - ymin) >= ROOM;
      this.handles[index].setAttribute("transform", `translate(${x} ${y})`);
      this.handles[index].setAttribute("visibility", room ? "visible" : "hidden");
    });
    this.#say(this.words, place, sole.label, numbers ? sized(sole.label, numbers) : described(sole));
  }

  // Words above a place of the stage, or inside of it where there is no room above.
  #say(tag, [xmin, ymin], label, words) {
    const stage = this.stage ?? { width: Infinity };
    const x = Math.max(0, Math.min(xmin, stage.width - WORDS));
    const away = ymin >= 26 ? "calc(-100% - 6px)" : "6px";
    tag.textContent = words;
    tag.style.setProperty("--hm-box", this.colorOf(label));
    tag.style.transform = `translate(${x}px, ${Math.max(0, ymin)}px) translateY(${away})`;
    tag.hidden = false;
  }

  /** Say in the image's place that there is none. */
  fail() {
    this.problem = document.createElement("p");
    this.problem.className = "hm-editor-problem";
    this.problem.textContent = "The image could not be loaded.";
    this.image.after(this.problem);
    return this.problem.textContent;
  }

  /** The stage has another size now, in screen pixels. */
  resize(stage) {
    this.stage = stage;
  }

  destroy() {
    for (const node of [this.image, this.problem, this.svg, this.words, this.hint]) node?.remove();
    this.element.classList.remove("hm-editor", "hm-editor-bare", "hm-arming");
    this.element.style.cursor = "";
  }
}
