// The keyboard's hand on the chosen boxes: it moves them, or the corner of them that it holds.
//
// Two corners across from each other reach all four edges: one arrow moves one edge, the others keep their numbers.

import { CORNERS, grown, moved } from "./geometry.js";
import { corner as named } from "./words.js";

export class Hand {
  constructor(editor) {
    this.editor = editor;
    this.#hold(CORNERS[0]);
  }

  #hold(corner) {
    this.corner = corner;
    this.editor.canvas.hold(corner);
  }

  /** The first corner again: other boxes were chosen. */
  letGo() {
    this.#hold(CORNERS[0]);
  }

  /** Hold the next corner (step 1) or the previous one (-1). False where no box is chosen. */
  turn(step) {
    const { boxes, readonly, voice } = this.editor;
    if (readonly || boxes.chosen.size === 0) return false;
    this.#hold(CORNERS[(CORNERS.indexOf(this.corner) + step + CORNERS.length) % CORNERS.length]);
    voice.say(`Control and arrows move the ${named(this.corner)}.`);
    return true;
  }

  /** Move the chosen boxes by whole pixels, or resize them by their held corner. `joined` makes one step of undo with
   *  the step before. */
  nudge(dx, dy, { resize = false, joined = false } = {}) {
    const { boxes, canvas, readonly } = this.editor;
    if (readonly) return;
    const { size } = canvas;
    const chosen = boxes.chosenBoxes;
    const numbers = chosen.map(({ box }) => box);
    const places = resize ? numbers.map((box) => grown(box, dx, dy, size, this.corner)) : moved(numbers, dx, dy, size);
    const byId = new Map(chosen.map(({ id }, index) => [id, places[index]]));
    if (boxes.alter(({ id }) => ({ box: byId.get(id) }), { joined })) this.editor.finish();
  }
}
