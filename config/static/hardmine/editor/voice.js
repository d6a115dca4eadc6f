// The box editor for those who hear it: what its element is, and what happens in it.

import { HELP } from "./words.js";

let voices = 0;

export class Voice {
  constructor(element, name) {
    this.element = element;
    this.help = this.#hidden();
    this.help.id = `hm-editor-help-${(voices += 1)}`;
    this.help.textContent = HELP;
    this.live = this.#hidden();
    this.live.setAttribute("role", "status");
    const attributes = {
      tabindex: "0",
      role: "application",
      "aria-roledescription": "box editor",
      "aria-label": name ? `Boxes of ${name}` : "Boxes of the image",
      "aria-describedby": this.help.id,
    };
    this.before = Object.keys(attributes).map((attribute) => [attribute, element.getAttribute(attribute)]);
    for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  }

  #hidden() {
    const node = document.createElement("div");
    node.className = "hm-hidden";
    this.element.append(node);
    return node;
  }

  say(words) {
    if (this.live.textContent !== words) this.live.textContent = words;
  }

  /** Leave the element as it was. */
  destroy() {
    this.help.remove();
    this.live.remove();
    for (const [attribute, value] of this.before) {
      if (value === null) this.element.removeAttribute(attribute);
      else this.element.setAttribute(attribute, value);
    }
  }
}
