// Being here: what somebody does keeps the image theirs for a while, leaving the page gives it back.

const BEAT = 30_000; // milliseconds between two signs that somebody is here

export class Presence {
  #active = true;

  /** doors: where signs are sent; at(): the sample that is shown; told(holder): who else has it open, or "". */
  constructor({ doors, at, told }) {
    Object.assign(this, { doors, at, told });
    for (const name of ["keydown", "pointerdown", "pointermove", "wheel"]) {
      document.addEventListener(name, () => (this.#active = true), { passive: true });
    }
    setInterval(() => this.#active && this.hold(), BEAT);
    window.addEventListener("pagehide", () => doors.tell(`${at()}/hold/`, { open: false }));
  }

  /** Says that somebody is at the image that is shown. */
  async hold() {
    this.#active = false;
    const id = this.at();
    const answer = await this.doors.tell(`${id}/hold/`, { open: true });
    if (answer?.status === 200 && id === this.at()) this.told(answer.body.holder);
  }
}
