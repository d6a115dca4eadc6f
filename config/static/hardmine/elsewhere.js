// Where the results of another system are is asked for only while a model is chosen that runs there. Without this
// script the field is always there, and says what it is for.

const model = document.getElementById("id_model");
const place = document.getElementById("id_results_location");
const elsewhere = new Set(model?.dataset.elsewhere.split(" ").filter(Boolean));

if (model && place) {
    const follow = () => {
        place.closest(".form-field").hidden = !place.value && !elsewhere.has(model.value);
    };
    model.addEventListener("change", follow);
    follow();
}
