// The threshold as a handle on the curve: moving it says what the filter would flag and catch. It is tied to the form's
// field where there is one; nothing is saved by moving it.

document.addEventListener("DOMContentLoaded", () => {
    const handle = document.querySelector("[data-threshold]");
    if (!handle) return;
    const worth = JSON.parse(document.getElementById("worth").textContent);
    const plot = handle.closest(".card").querySelector(".curves svg");
    const field = document.getElementById("id_algo_hard_threshold");
    const words = document.getElementById("threshold-words");
    const value = document.getElementById("threshold-value");
    const [width, height] = [plot.viewBox.baseVal.width, plot.viewBox.baseVal.height];
    const percent = (share) => `${Math.round(share * 100)}%`;

    const place = (name, x, low, high) => {
        const line = plot.querySelector(`.${name}`);
        line.setAttribute("x1", x * width);
        line.setAttribute("x2", x * width);
        line.setAttribute("y1", (1 - low) * height);
        line.setAttribute("y2", (1 - high) * height);
    };
    const show = () => {
        const step = Math.round(Number(handle.value) * (worth.caught.length - 1));
        const [caught, low, high] = worth.caught[step];
        const looked = worth.looked[step];
        place("curve-mark", looked, 0, 1);
        place("curve-mark-range", looked, low, high);
        place("curve-mark-dot", looked, caught, caught);
        const flags = worth.total
            ? `${worth.flagged[step].toLocaleString("en-US")} of ${worth.total.toLocaleString("en-US")}`
            : `${percent(looked)} of the images`;
        words.textContent = `flags ${flags}; expected errors caught ${percent(caught)}, `
            + `interval ${percent(low)} to ${percent(high)}`;
        value.textContent = handle.value;
        handle.setAttribute("aria-valuetext", `${handle.value}: ${words.textContent}`);
    };

    handle.addEventListener("input", () => {
        show();
        if (!field) return;
        field.value = handle.value;
        field.dispatchEvent(new Event("input", {bubbles: true}));
    });
    field?.addEventListener("input", () => {
        if (field.value === "" || Number(field.value) === Number(handle.value)) return;
        handle.value = field.value;
        show();
    });
});
