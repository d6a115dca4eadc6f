// Keeps number fields and the same numbers in ModelArts' notation alike: algorithm:weight, joined by +.

document.addEventListener("DOMContentLoaded", () => {
    const printed = (text, decimals) => {
        const [whole, rest = ""] = text.split(".");
        return `${whole || "0"}.${rest.padEnd(decimals, "0")}`;
    };

    const tie = (area, prefix, decimals) => {
        const form = area.form;
        const fields = new Map();
        for (const field of form.querySelectorAll("input.slides")) {
            const known = prefix ? field.name.startsWith(prefix) : field.name.endsWith("_mining");
            if (known) fields.set(field.name.slice(prefix.length), field);
        }
        let reading = false;  // who reads the text must not have it rewritten under their cursor
        const write = () => {
            if (reading) return;
            const parts = [];
            for (const [name, field] of fields) {
                if (Number(field.value) > 0) parts.push(`${name}:${printed(field.value, decimals)}`);
            }
            area.value = parts.join("+");
        };
        const read = () => {
            const numbers = new Map();
            for (const part of area.value.split("+").map((each) => each.trim()).filter(Boolean)) {
                const [name, number, ...more] = part.split(":").map((each) => each.trim());
                if (!fields.has(name) || numbers.has(name) || more.length || !/^[0-9.]+$/.test(number ?? "")) return;
                numbers.set(name, number);
            }
            reading = true;
            for (const [name, field] of fields) {
                const number = numbers.get(name) ?? "0";
                if (Number(field.value) === Number(number)) continue;
                field.value = Number(number);
                field.dispatchEvent(new Event("input", {bubbles: true}));
            }
            reading = false;
        };
        for (const field of fields.values()) field.addEventListener("input", write);
        area.addEventListener("input", read);
    };

    for (const area of document.querySelectorAll("textarea.notation")) {
        tie(area, area.name === "aug_op_config" ? "op_" : "", area.name === "aug_op_config" ? 1 : 4);
    }
});
