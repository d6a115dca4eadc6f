// Puts a slider beside each number field of class "slides"; the field stays what is sent, and works alone.

document.addEventListener("DOMContentLoaded", () => {
    for (const field of document.querySelectorAll("input.slides")) {
        const slider = document.createElement("input");
        slider.type = "range";
        slider.min = field.min;
        slider.max = Math.min(field.max, 1);
        slider.step = 0.01;
        slider.value = field.value;
        slider.className = "slider";
        slider.tabIndex = -1;
        slider.setAttribute("aria-hidden", "true");
        slider.addEventListener("input", () => {
            field.value = slider.value;
            field.dispatchEvent(new Event("input", {bubbles: true}));
        });
        field.addEventListener("input", () => { slider.value = field.value; });
        field.after(slider);
    }
});
