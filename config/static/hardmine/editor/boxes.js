// The boxes of one image as a reviewer changes them, with undo and redo. No page, no pixels.
//
// Every state is a list of frozen boxes; a change makes a new list that shares the boxes it left alone. So undo is the
// earlier list, and whoever draws compares boxes by identity.

import { same } from "./geometry.js";

const STEPS = 500; // of undo

const frozen = (box) => Object.freeze({ ...box, box: Object.freeze([...box.box]) });

export class Boxes {
  /** `given`: boxes as the page has them; `sure`: the confidence below which a box waits to be accepted. */
  constructor(given, sure) {
    this.given = given.map((box, index) => {
      const dashed = box.origin === "model" && box.confidence != null && box.confidence < sure;
      return frozen({ ...box, id: box.id ?? `given-${index + 1}`, dashed });
    });
    this.state = { list: this.given, chosen: new Set() };
    this.done = [];
    this.undone = [];
    this.made = 0;
  }

  get list() {
    return this.state.list;
  }

  get chosen() {
    return this.state.chosen;
  }

  get chosenBoxes() {
    return this.list.filter((box) => this.chosen.has(box.id));
  }

  /** Choose boxes by id, as it is or as text; unknown ids are left out. */
  choose(ids) {
    const wanted = new Set([...ids].map(String));
    const chosen = this.list.filter((box) => wanted.has(String(box.id))).map((box) => box.id);
    this.state = { ...this.state, chosen: new Set(chosen) };
  }

  /** Go on to another list. `joined` makes one step of it with the step before (a key that is held down). */
  commit(list, { chosen = this.chosen, joined = false } = {}) {
    if (!joined || this.done.length === 0) {
      this.done.push(this.state);
      if (this.done.length > STEPS) this.done.shift();
    }
    this.undone = [];
    this.state = { list, chosen: new Set(chosen) };
  }

  /** Change boxes, the chosen ones by default: `change` gives the fields to replace. A box that a person touched is
   *  sure. False where nothing came out different. */
  alter(change, { ids = this.chosen, joined = false } = {}) {
    let different = false;
    const list = this.list.map((old) => {
      if (!ids.has(old.id)) return old;
      const box = frozen({ ...old, ...change(old), dashed: false });
      if (box.label === old.label && same(box.box, old.box) && !old.dashed) return old;
      different = true;
      return box;
    });
    if (different) this.commit(list, { joined });
    return different;
  }

  /** Add boxes [{label, box}] as drawn by a person, and choose them. */
  add(drawn) {
    const known = new Set(this.list.map((box) => box.id));
    const boxes = drawn.map(({ label, box }) => {
      do this.made += 1;
      while (known.has(`new-${this.made}`));
      const plain = { confidence: null, origin: "human", hard: false, coefficient: 0, reasons: [], dashed: false };
      return frozen({ id: `new-${this.made}`, label, box, ...plain });
    });
    this.commit([...this.list, ...boxes], { chosen: boxes.map((box) => box.id) });
  }

  /** Go on to boxes [{id, label, box, dashed}] that were kept from an earlier drawing, as one step: the boxes that are
   *  still there keep all else that is known of them. */
  adopt(kept) {
    const known = new Map(this.list.map((box) => [box.id, box]));
    const list = kept.map(({ id, label, box, dashed }) => {
      const plain = { confidence: null, origin: "human", hard: false, coefficient: 0, reasons: [] };
      return frozen({ ...plain, ...known.get(id), id, label, box, dashed });
    });
    this.commit(list, { chosen: [] });
  }

  remove() {
    this.commit(
      this.list.filter((box) => !this.chosen.has(box.id)),
      { chosen: [] },
    );
  }

  undo() {
    return this.#travel(this.done, this.undone);
  }

  redo() {
    return this.#travel(this.undone, this.done);
  }

  #travel(from, to) {
    if (from.length === 0) return false;
    to.push(this.state);
    this.state = from.pop();
    return true;
  }

  /** [{label, box}] as they stand; an untouched box gives back the numbers that it came with. */
  claims() {
    return this.list.map(({ label, box }) => ({ label, box: [...box] }));
  }

  /** Whether the claims differ from the given ones. */
  get changed() {
    return this.list !== this.given && this.differs(this.given);
  }

  /** Whether the claims differ from those of other boxes. */
  differs(others) {
    const { list } = this;
    return (
      list.length !== others.length ||
      list.some((box, index) => box.label !== others[index].label || !same(box.box, others[index].box))
    );
  }
}
