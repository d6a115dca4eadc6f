// Drawings that were not sent, kept in this browser: a closed tab or a crash loses none. One for each reviewer and
// sample, with the version of the sample that it was drawn on.

const PREFIX = "hardmine-drawing";
const KEPT = 14 * 24 * 3600 * 1000; // milliseconds until a drawing that nobody came back to is forgotten

export class Drafts {
  /** user: whose drawings; warn(): told where the browser keeps nothing (it is full, or forbidden). */
  constructor({ user, warn }) {
    Object.assign(this, { user, warn });
    this.#forget();
  }

  #key(sample) {
    return `${PREFIX} ${sample} ${this.user}`;
  }

  /** Keeps the boxes [{id, label, box, dashed}] as drawn on a version of a sample. */
  keep(sample, version, boxes) {
    this.#try(() => localStorage.setItem(this.#key(sample), JSON.stringify({ version, at: Date.now(), boxes })));
  }

  /** {version, at, boxes} as kept, or null. */
  kept(sample) {
    return this.#try(() => JSON.parse(localStorage.getItem(this.#key(sample)))) ?? null;
  }

  drop(sample) {
    this.#try(() => localStorage.removeItem(this.#key(sample)));
  }

  #forget() {
    this.#try(() => {
      for (const key of Object.keys(localStorage).filter((one) => one.startsWith(`${PREFIX} `))) {
        if (!(Date.now() - JSON.parse(localStorage.getItem(key)).at < KEPT)) localStorage.removeItem(key);
      }
    });
  }

  // A browser may have no room or may forbid storage; drawing goes on, and its owner is told.
  #try(act) {
    try {
      return act();
    } catch {
      this.warn();
      return undefined;
    }
  }
}
