// The words of the box editor: what stands above a box, and what a screen reader says.

export const HELP =
  "Tab and Shift Tab: next and previous box. Arrows move the chosen box, with Control they move its held corner; " +
  "period and comma hold the next and the previous corner. " +
  "A label's key sets its label. Insert adds a box, Delete removes it, Space accepts a dashed one. " +
  "Escape, then Tab leaves the image.";

/** A box in a few words: "dog .43 · hard". */
export function described({ label, confidence, hard }) {
  const sure = confidence == null ? "" : confidence.toFixed(2).replace(/^0/, "");
  return [label, sure, hard ? "· hard" : ""].filter(Boolean).join(" ");
}

/** A box under way: "dog 34 × 20.5". */
export function sized(label, [xmin, ymin, xmax, ymax]) {
  return `${label} ${+(xmax - xmin).toFixed(1)} × ${+(ymax - ymin).toFixed(1)}`;
}

/** A corner in words. */
export const corner = (name) => `${name.includes("n") ? "upper" : "lower"} ${name.includes("w") ? "left" : "right"} corner`;

/** The chosen boxes in a sentence. */
export function spoken({ list, chosenBoxes }) {
  if (chosenBoxes.length === 0) return "No box chosen.";
  if (chosenBoxes.length > 1) return `${chosenBoxes.length} boxes chosen.`;
  const [box] = chosenBoxes;
  const [xmin, ymin, xmax, ymax] = box.box.map(Math.round);
  return [
    `Box ${list.indexOf(box) + 1} of ${list.length}: ${described(box)}`,
    ...(box.dashed ? ["to be accepted"] : []),
    `${xmax - xmin} by ${ymax - ymin} at ${xmin}, ${ymin}`,
  ].join(", ");
}
