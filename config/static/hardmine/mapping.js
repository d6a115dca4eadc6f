// The table of classes and labels follows the model and the dataset that are chosen above it.
// Without this script the form comes back with the table where a class has no label.

document.addEventListener("DOMContentLoaded", () => {
    const table = document.getElementById("mapping");
    const dataset = document.getElementById("id_dataset");
    const model = document.getElementById("id_model");
    if (!table || !dataset) return;

    async function follow() {
        const query = new URLSearchParams({model: model ? model.value : table.dataset.model, dataset: dataset.value});
        const answer = await fetch(`${table.dataset.mapping}?${query}`);
        if (answer.ok) table.innerHTML = await answer.text();
    }
    dataset.addEventListener("change", follow);
    if (model) model.addEventListener("change", follow);
});
