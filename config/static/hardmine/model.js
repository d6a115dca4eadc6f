// The form of a model's profile shows the fields that the chosen kind of output has, and mean and scale only where own
// numbers are chosen. Without this script all of them are there, and those that do not apply are not read.

const form = document.getElementById("profile");

function show() {
    const kind = form.elements.output_kind.value;
    const own = form.elements.pixels.value === "own";
    for (const part of form.querySelectorAll("[data-part]")) {
        const kinds = part.dataset.kinds;
        const numbers = part.dataset.part === "input_mean" || part.dataset.part === "input_scale";
        part.hidden = (kinds && !kinds.split(" ").includes(kind)) || (numbers && !own);
    }
}

if (form) {
    form.addEventListener("change", show);
    show();
}
