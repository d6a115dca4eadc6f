// From where the box editor looks at its image: the stage's size, the view, and what the view may be.

import { clamp, held, scales, showing, zoomed } from "./geometry.js";

const MARGIN = 14; // screen pixels around the whole image
const SHARE = 0.45; // of the stage that a box fills when zoomed to
const NEAREST = 8; // screen pixels for one of the image when zoomed to a box, unless the whole image is larger

export class Camera {
  constructor(canvas) {
    this.canvas = canvas;
    this.stage = { width: 0, height: 0 };
    this.fitted = true; // shows the whole image, and goes on to when the stage changes its size
    this.followed = false; // came to a box by itself, and goes back when the box is dropped
    this.observer = new ResizeObserver(() => this.measure());
    this.observer.observe(canvas.element);
    this.measure();
  }

  get view() {
    return this.canvas.view;
  }

  get middle() {
    return { x: this.stage.width / 2, y: this.stage.height / 2 };
  }

  /** The stage may have another size: what was in its middle stays there. */
  measure() {
    const before = this.middle;
    const { width, height } = this.canvas.rectangle();
    if (width === this.stage.width && height === this.stage.height) return;
    this.stage = { width, height };
    this.canvas.resize(this.stage);
    const { x, y } = this.middle;
    if (this.fitted) this.fit();
    else this.#show({ ...this.view, x: this.view.x + x - before.x, y: this.view.y + y - before.y });
  }

  #show(view) {
    this.canvas.look(held(view, this.stage, this.canvas.size));
  }

  #whole() {
    const inner = (length) => Math.max(1, length - 2 * MARGIN);
    const stage = { width: inner(this.stage.width), height: inner(this.stage.height) };
    const { scale, x, y } = showing([0, 0, this.canvas.size.width, this.canvas.size.height], stage, 1);
    return { scale, x: x + MARGIN, y: y + MARGIN };
  }

  /** The whole image, in the middle. */
  fit() {
    this.canvas.look(this.#whole());
    this.fitted = true;
    this.followed = false;
  }

  /** Another view, pushed back as far as something of the image stays in sight. */
  look(view) {
    this.fitted = false;
    this.followed = false;
    this.#show(view);
  }

  /** `view` zoomed by a factor about a point of the stage. */
  zoomBy(factor, point, view = this.view) {
    this.look(zoomed(view, factor, point, scales(this.#whole().scale)));
  }

  /** A box of the image large in the middle, yet neither beyond measure nor smaller than in the whole image. */
  zoomTo(box, { following = false } = {}) {
    const whole = this.#whole();
    const near = showing(box, this.stage, SHARE);
    const scale = clamp(near.scale, whole.scale, Math.max(NEAREST, whole.scale));
    if (scale === whole.scale) this.fit();
    else this.look(zoomed(near, scale / near.scale, this.middle, [scale, scale]));
    this.followed = following;
  }

  destroy() {
    this.observer.disconnect();
  }
}
