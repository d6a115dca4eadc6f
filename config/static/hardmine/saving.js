// What a review page sends. A save that does not arrive is kept and sent again, under the same token, until it has an
// answer: the network may be lost, the server away, the login expired. Nothing that a reviewer did is given up.

const PATIENCE = 30_000; // milliseconds for one answer
const LONGEST = 15; // seconds between two tries

/** 32 hexadecimal digits, new for each press: sent twice, it has one effect. */
export function token() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Doors {
  #retry = () => {};
  #unsaved = 0;

  /**
   * address: where the doors stand; query: the queue; user: whose page it is; csrf: the token of its form.
   * say(state, words): told what a save waits for: "lost", "away", "login", "another", or "" once it has its answer.
   */
  constructor({ address, query, user, csrf, say }) {
    Object.assign(this, { address, query, user, csrf, say });
    for (const name of ["online", "focus"]) window.addEventListener(name, () => this.#retry());
  }

  /** Whether something has been sent that has no answer yet. */
  get unsaved() {
    return this.#unsaved > 0;
  }

  /** Tries again now. */
  retry() {
    this.#retry();
  }

  /** {status, body} of a GET, once; null where there was no answer. */
  async get(path) {
    return this.#once(path).catch(() => null);
  }

  /** Sends once and asks for nothing: what may be lost without harm. It outlives the page. */
  async tell(path, body) {
    return this.#once(path, body, { keepalive: true }).catch(() => null);
  }

  /** {status, body} of a POST, tried until there is an answer. */
  async post(path, body) {
    this.#unsaved += 1;
    try {
      return await this.#persist(path, body);
    } finally {
      this.#unsaved -= 1;
      this.say("");
    }
  }

  async #persist(path, body) {
    let renewed = false;
    for (let seconds = 1; ; seconds = Math.min(LONGEST, 2 * seconds)) {
      const answer = await this.#once(path, body).catch(() => null);
      if (answer?.status === 403) {
        const who = await this.get("");
        if (who?.status === 200 && who.body.user === this.user) {
          if (renewed) return answer;
          this.csrf = who.body.token; // a login in another tab made a new one
          renewed = true;
          continue;
        }
        if (who) this.say(who.status === 200 ? "another" : "login", who.body.user);
      } else if (answer && answer.status < 500) return answer;
      else this.say(answer ? "away" : "lost");
      await this.#pause(seconds);
    }
  }

  async #once(path, body, options = {}) {
    const posted = body && {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", "X-CSRFToken": this.csrf },
    };
    const answer = await fetch(`${this.address}${path}?${this.query}`, {
      ...posted,
      ...options,
      credentials: "same-origin",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
    });
    const json = answer.headers.get("Content-Type")?.startsWith("application/json");
    return { status: json ? answer.status : Math.max(500, answer.status), body: json ? await answer.json() : {} };
  }

  #pause(seconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 1000 * seconds);
      this.#retry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
