// What a review page tells: what was done (for screen readers, too), and what stands between a reviewer and saving.

const WAITING = {
  lost: "There is no connection. It is tried again by itself.",
  away: "The server does not answer as it should. It is tried again by itself.",
  login: "Your login has expired. Log in in another tab, then it is saved from here.",
};

const made = (name, words, properties = {}) => Object.assign(document.createElement(name), { textContent: words, ...properties });

const button = (words, act, kind = "") => {
  const one = made("button", words, { type: "button", className: `hm-button hm-small ${kind}` });
  one.addEventListener("click", act);
  return one;
};

// A name, whose marks turn the direction of nothing but itself; and a line with names in it.
const named = (name) => made("bdi", name);
const line = (tag, ...parts) => {
  const one = made(tag, "");
  one.append(...parts);
  return one;
};

const ago = (moment) => {
  const seconds = Math.max(1, Math.round((Date.now() - Date.parse(moment)) / 1000));
  if (seconds < 90) return `${seconds} s ago`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min ago` : `on ${new Date(moment).toLocaleString()}`;
};

export class Notices {
  #state = "";

  /** place: for what must be seen; said: the live region for what was done. */
  constructor(place, said) {
    Object.assign(this, { place, said });
    place.tabIndex = -1;
  }

  say(words) {
    this.said.textContent = words;
  }

  clear() {
    this.place.hidden = true;
    this.place.replaceChildren();
    this.place.className = "hm-mistake";
    this.#state = "";
  }

  /** A save waits for something; "" once it has its answer. */
  waiting(state, { login, other, retry }) {
    if (state === this.#state) return;
    if (!state) return this.clear();
    const another = ["You are logged in as ", named(other), " now. Log in again as yourself, then it is saved from here."];
    const parts = [made("strong", "Not saved yet."), " ", ...(state === "another" ? another : [WAITING[state]]), " "];
    if (state === "login" || state === "another") {
      parts.push(made("a", "Log in", { href: login, target: "_blank", rel: "noopener", className: "hm-button hm-small" }), " ");
    }
    this.#put(parts, button("Try now", retry));
    this.#state = state;
    return undefined;
  }

  /** It was not saved, for a reason that a person can mend. */
  refused(words) {
    this.#put([made("strong", "Nothing was saved."), ` ${words ?? "The server refused it."}`]);
  }

  /** Others were faster. What one has drawn or chosen stays on the screen until one decides. */
  overtaken({ theirs, sample }, { chosen, keep, take }) {
    const list = document.createElement("ul");
    for (const { by, at, what, changes } of theirs) {
      const how = changes.length ? [" (", named(changes.join(", ")), ")"] : [];
      list.append(line("li", named(by), `, ${ago(at)}: ${what}`, ...how));
    }
    if (!theirs.length) list.append(made("li", "It was changed meanwhile."));
    const now = line("p", `It is ${sample.status} now`);
    if (sample.current.length) now.append(", with ", named(sample.current.join(", ")));
    now.append(".");
    if (chosen) now.append(" You chose ", named(chosen), ".");
    this.#put(
      [made("strong", "Nothing was saved: somebody was faster."), list, now],
      button("Take theirs", take),
      button("Keep mine on top", keep),
    );
    this.place.focus(); // the next Tab leads to the choice, and Enter decides nothing by chance
  }

  /** The queue has nothing more for this reviewer. */
  ended(left, { leave, again }) {
    const words = left
      ? `${left > 1000 ? "Others are" : left === 1 ? "One more is" : `${left} more are`} open with other reviewers, or stay in this queue.`
      : "That was the last one of this queue.";
    const parts = [words, " ", made("a", "Back to the grid", { href: leave, className: "hm-button hm-small hm-primary" }), " "];
    this.#put(parts, ...(left ? [button("Look again", again)] : []));
    this.place.className = "hm-hold";
    this.place.querySelector("a").focus();
  }

  /** An earlier drawing of this image was never saved. */
  offer(at, { take, discard }) {
    const moment = new Date(at);
    const isToday = moment.toDateString() === new Date().toDateString();
    const when = moment.toLocaleString([], { ...(!isToday && { day: "numeric", month: "short" }), hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const close = (act) => () => {
      this.clear();
      act();
    };
    this.#put([made("strong", `Your unsaved drawing from ${when}`)], button("Take it up", close(take)), button("Discard", close(discard)));
    this.place.className = "hm-hold";
  }

  /** A drawing would be lost. */
  ask({ save, discard }) {
    const dialog = made("dialog", "", { className: "hm hm-keys" });
    const close = (act) => () => {
      dialog.close();
      dialog.remove();
      act?.();
    };
    const row = made("p", "", { className: "hm-row" });
    row.append(button("Save as Labeled", close(save), "hm-primary"), button("Discard it", close(discard)), button("Stay", close()));
    dialog.append(made("h2", "Your drawing is not saved."), row);
    dialog.addEventListener("cancel", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  #put(parts, ...actions) {
    this.clear();
    this.place.replaceChildren(...parts);
    if (actions.length) {
      const row = made("span", "", { className: "hm-row" });
      row.append(...actions);
      this.place.append(row);
    }
    this.place.hidden = false;
  }
}
