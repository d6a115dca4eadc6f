// One sample after the other: what a key does, what comes next, and what to do when somebody was faster.
//
// The server decides what is next; its answer to a decision brings the next sample with it, whose image is there
// already. Names of labels, files and reasons are set as text, or come from a template that escapes them.

import { BoxTable } from "./boxtable.js";
import { Drafts } from "./drafts.js";
import { listen } from "./keys.js";
import { Notices } from "./notices.js";
import { Pictures } from "./pictures.js";
import { Presence } from "./presence.js";
import { Doors, token } from "./saving.js";

const root = document.querySelector("[data-sample]");
const part = (name) => root.querySelector(`[data-${name}]`);
const bench = JSON.parse(root.dataset.bench);
const form = part("verbs");
const stage = part("stage");
const notices = new Notices(part("notice"), part("said"));
const buttons = (verb) => form.querySelector(`button[name=verb][value=${verb}]`);
const labels = [...form.querySelectorAll("[data-label]")];
const shortcuts = new Map(bench.labels.map(({ name, shortcut }) => [shortcut, name]));
shortcuts.delete("");

const DOUBLE = 400; // milliseconds in which a second click belongs to the image before

let shown = JSON.parse(root.dataset.portrait);
let shownAt = performance.now();
let busy = false;
let leaving = false; // with a drawing that may be lost: its owner said so
let editor = null;
let Editor = null;
const table = bench.classification ? null : new BoxTable(part("boxes"));
const pictures = new Pictures();

const drafts = new Drafts({
  user: bench.user,
  warn: () => notices.say("This browser keeps no unsaved drawings."),
});

const doors = new Doors({
  address: bench.doors,
  query: bench.query,
  user: bench.user,
  csrf: form.querySelector("[name=csrfmiddlewaretoken]").value,
  say: (state, other) => notices.waiting(state, { login: bench.login, other, retry: () => doors.retry() }),
});

const presence = new Presence({ doors, at: () => shown.id, told: held });

// --- showing a sample ------------------------------------------------------------------------------------------------
const link = (name, address) => {
  const place = part(name);
  place.classList.toggle("hm-off", !address);
  if (address) place.href = address;
  else place.removeAttribute("href");
};

function facts(sample) {
  shown = { ...shown, ...sample };
  root.dataset.id = shown.id;
  part("position").textContent = `${shown.position} of ${shown.count}`;
  part("name").textContent = part("name").title = shown.name;
  part("status").textContent = shown.status;
  part("tone").className = `hm-dot hm-${shown.tone}`;
  part("hard").hidden = !shown.hard;
  part("coefficient").textContent = shown.coefficient;
  part("size").textContent = `${shown.width} × ${shown.height}`;
  held(shown.holder);
  link("previous", shown.previous);
  link("following", shown.following);
  form.elements.version.value = shown.version;
  form.elements.batch.value = token();
  if (bench.mayMark) {
    buttons("unmark").hidden = !shown.hard;
    buttons("confirm_hard_example").hidden = shown.hard;
  }
  press(shown.current);
  if (sample.evidence !== undefined) part("evidence").innerHTML = sample.evidence; // the template escapes all names
}

function held(holder) {
  const name = Object.assign(document.createElement("bdi"), { textContent: holder });
  part("holder").replaceChildren(...(holder ? [name, " has this image open, too."] : []));
}

function press(names) {
  for (const button of labels) {
    const on = names.includes(button.dataset.label);
    button.classList.toggle("hm-active", on);
    button.setAttribute("aria-pressed", String(on));
  }
}

function picture(sample, image) {
  stage.classList.toggle("hm-pixels", sample.pixels);
  if (bench.classification) {
    image.alt = sample.name;
    image.width = sample.width;
    image.height = sample.height;
    image.dataset.image = "";
    part("image").replaceWith(image);
    return;
  }
  editor?.destroy();
  part("editor").replaceChildren();
  editor = new Editor(part("editor"), {
    image: sample.image,
    width: sample.width,
    height: sample.height,
    labels: bench.labels,
    boxes: sample.boxes,
    name: sample.name,
    sure: sample.sure,
    readonly: !bench.mayConfirm,
    onchange: (now) => {
      table.show(now);
      remember();
    },
    onselect: (now) => table.choose(now),
  });
  table.show(editor);
}

/** Keeps the drawing in this browser until it is saved, discarded or undone. */
function remember() {
  if (unsaved()) drafts.keep(shown.id, shown.version, editor.table());
  else drafts.drop(shown.id);
}

/** Offers the drawing that was left here unsaved; what was drawn on an older version is saved as such. */
function recall() {
  const draft = editor && bench.mayConfirm ? drafts.kept(shown.id) : null;
  if (!draft) return;
  if (!editor.differs(draft.boxes)) {
    drafts.drop(shown.id);
    return;
  }
  const take = () => {
    shown.version = draft.version;
    editor.adopt(draft.boxes);
    editor.element.focus({ preventScroll: true });
  };
  notices.offer(draft.at, { take, discard: () => drafts.drop(shown.id) });
}

/** Shows a sample: `push` puts it into the browser's history. */
async function show(sample, { push = true } = {}) {
  picture(sample, await pictures.ready(sample.image));
  facts(sample);
  notices.clear();
  shownAt = performance.now();
  if (push) history.pushState({ id: shown.id }, "", shown.address);
  else history.replaceState({ id: shown.id }, "", shown.address);
  (editor?.element ?? stage).focus({ preventScroll: true }); // a button that was pressed for the last image is not pressed for this one
  pictures.expect(shown.preload);
  recall();
}

// --- what people do --------------------------------------------------------------------------------------------------
/** One thing at a time: what is pressed before the answer is there was meant for nothing that could be seen. */
async function alone(act) {
  if (busy) return;
  busy = true;
  root.classList.add("hm-sent");
  try {
    await act();
  } finally {
    busy = false;
    root.classList.remove("hm-sent");
  }
}

const unsaved = () => Boolean(editor?.changed);
const claimed = () => (bench.classification ? shown.current.map((label) => ({ label, box: null })) : editor.claims());

const decide = (verb, claims = null, version = shown.version) =>
  alone(async () => {
    if (claims && bench.classification) press(claims.map(({ label }) => label));
    const { status, body } = await doors.post(`${shown.id}/`, { verb, version, claims, batch: token() });
    if (status === 412) {
      notices.overtaken(body, {
        chosen: claims && bench.classification ? claims.map(({ label }) => label).join(", ") : "",
        keep: () => decide(verb, claims, body.sample.version),
        take: () => {
          drafts.drop(shown.id);
          show(body.sample, { push: false });
        },
      });
    } else if (status !== 200) {
      press(shown.current);
      notices.refused(body.message);
    } else if (body.sample?.id === shown.id) {
      facts(body.sample); // hardness alone: a drawing goes on
      if (unsaved()) remember(); // on the version that it is now
      notices.say(body.said);
    } else {
      drafts.drop(shown.id);
      await arrive(body);
    }
  });

/** Shows what an answer brings; where the queue has nothing more, the sample as it is now. */
async function arrive({ said, sample, left }) {
  if (sample) {
    await show(sample);
    notices.say([said, `${sample.name}: ${sample.status} ${sample.current.join(", ")}`].filter(Boolean).join(". "));
    return;
  }
  const now = await doors.get(`${shown.id}/`);
  if (now?.status === 200) await show(now.body, { push: false });
  notices.say(said);
  notices.ended(left, { leave: bench.leave, again: () => go() });
}

const go = (back = false) =>
  guarded(() =>
    alone(async () => {
      const { status, body } = await doors.post("next/", { sample: shown.id, back });
      if (status !== 200) notices.refused(body.message);
      else if (body.sample) await arrive(body);
      else if (back) notices.say("This is the first one.");
      else notices.ended(body.left, { leave: bench.leave, again: () => go() });
    }),
  );

const turn = (way, event) =>
  guarded(() =>
    alone(async () => {
      const { status, body } = await doors.post(`${way}/`, { batch: token(), ...(event && { event }) });
      if (status !== 200) return notices.refused(body.message);
      if (!body.sample) return notices.say(body.said);
      await show(body.sample, { push: body.sample.id !== shown.id });
      notices.say(body.said);
      presence.hold();
      return undefined;
    }),
  );

/** Asks first where a drawing would be lost. */
function guarded(act) {
  if (!unsaved()) return act();
  const discard = () => {
    drafts.drop(shown.id);
    act();
  };
  return notices.ask({ save: () => decide("confirm", editor.claims()), discard });
}

const hard = () => bench.mayMark && decide(shown.hard ? "unmark" : "confirm_hard_example");
const confirm = () => bench.mayConfirm && decide("confirm", claimed());
const reject = () => bench.mayConfirm && decide("reject");
const undo = () => (editor?.canUndo ? editor.undo() : turn("undo"));
const redo = () => (editor?.canRedo ? editor.redo() : turn("redo"));

function labeled(key) {
  const name = shortcuts.get(key);
  if (name === undefined || !bench.mayConfirm) return false;
  decide("confirm", [{ label: name, box: null }]);
  return true;
}

function panel() {
  if (form.contains(document.activeElement)) (editor?.element ?? stage).focus();
  else (form.querySelector("[aria-pressed=true]") ?? form.querySelector("button"))?.focus();
}

const acts = { confirm, reject, hard, undo, redo, previous: () => go(true), next: () => go(), panel };
acts.leave = () =>
  guarded(() => {
    leaving = true;
    location.assign(bench.leave);
  });
if (bench.classification) acts.label = labeled;
else {
  acts.boxes = () => editor.toggle();
  acts.box = () => {};
}
const keys = listen(acts, {
  words: { label: bench.classification ? "the label's own key: relabel, confirm, next" : "label of the chosen boxes" },
  first: (event) => Boolean(editor) && !busy && editor.key(event),
});

for (const button of root.querySelectorAll("[data-act]")) {
  button.hidden = false;
  button.addEventListener("click", () => ({ undo, redo, keys })[button.dataset.act]());
}
for (const [name, back] of [["previous", true], ["following", false]]) {
  part(name).addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(back);
  });
}
part("leave").addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  acts.leave();
});
part("evidence").addEventListener("click", (event) => {
  const button = event.target.closest("[data-undo]");
  if (button) turn(button.dataset.way, Number(button.dataset.undo));
});
form.addEventListener("click", (event) => {
  if (event.detail > 1 && performance.now() - shownAt < DOUBLE) event.preventDefault();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { name, value, dataset } = event.submitter;
  if (name === "label") decide("confirm", [{ label: dataset.label, box: null }]);
  else decide(value, value === "confirm" ? claimed() : null);
});

// --- leaving and coming back -----------------------------------------------------------------------------------------
window.addEventListener("beforeunload", (event) => {
  if ((unsaved() && !leaving) || doors.unsaved) event.preventDefault();
});

async function revisit(id) {
  const answer = await doors.get(`${id}/`);
  if (answer?.status !== 200) return location.reload();
  await show(answer.body, { push: false });
  return presence.hold();
}
window.addEventListener("popstate", ({ state }) => {
  if (!state || busy) return;
  if (unsaved()) {
    history.pushState({ id: shown.id }, "", shown.address);
    guarded(() => revisit(state.id));
  } else revisit(state.id);
});
window.addEventListener("pageshow", (event) => event.persisted && revisit(shown.id));

if (!bench.classification) {
  ({ BoxEditor: Editor } = await import("./editor.js"));
  picture(shown, null);
}
history.replaceState({ id: shown.id }, "", shown.address);
facts(shown);
pictures.expect(shown.preload);
recall();
presence.hold();
