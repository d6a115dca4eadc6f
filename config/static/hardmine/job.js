// A new labeling job: once its dataset is chosen, the page comes back with the labels of that dataset.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelector("#labelingjob_form select#id_dataset")?.addEventListener("change", (event) => {
    const address = new URL(window.location.href);
    address.searchParams.set("dataset", event.target.value);
    address.searchParams.set("name", document.querySelector("#id_name").value);
    window.location.replace(address);
  });
});
