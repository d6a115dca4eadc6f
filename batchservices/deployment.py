"""Services are deployed, changed, and told what to do with hard examples. A run keeps what it froze at its start."""

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from batchservices.collection import check_task
from batchservices.elsewhere import check_place
from batchservices.inputs import is_manifest
from batchservices.models import BatchService, InferenceModel, ModelStatus
from batchservices.training import FIRST_LINES, check_training
from config.refusals import Refused
from datasets import locations
from datasets.creation import create_dataset
from datasets.models import Dataset, Label
from hardexamples.filters import preset
from hardexamples.models import HardExampleFilter

__all__ = ["change", "check_mapping", "configure_filtering", "deploy"]


def deploy(
    *,
    name: str,
    model: InferenceModel,
    input_location: str,
    output_location: str,
    by: User | None,
    description: str = "",
    results_location: str = "",
    processes: int = 0,
    timeout_minutes: int = 0,
    filtering: bool = False,
    filter: HardExampleFilter | None = None,
    training_manifest: str = "",
    output_dataset: Dataset | None = None,
    output_dataset_name: str = "",
    label_mapping: dict[str, str] | None = None,
) -> BatchService:
    """A service, ready to be started: all of it or nothing.

    Args:
        name: 1 to 64 characters, unique.
        model: what predicts.
        input_location: a folder or a `.manifest`, as `alias:path`.
        output_location: where results are written, as `alias:path`.
        by: who deploys.
        description: at most 100 characters.
        results_location: of a model that runs elsewhere, where its results are, as `alias:path`: a folder, a
            `.manifest` or a `.jsonl`; else "".
        processes: most workers at once for a run, up to 1,000; 0: all there are.
        timeout_minutes: how long a run may take, 3 to 10,080; 0: as long as it needs.
        filtering, filter, training_manifest, output_dataset, output_dataset_name, label_mapping: as
            `configure_filtering`.

    Raises:
        Refused: model_not_ready (409), bad_value, name_exists (409); as `batchservices.elsewhere.check_place`,
            `change` and `configure_filtering`.
    """
    _check_locations(input_location, output_location)
    check_place(model, results_location, output_location)
    _check_training(training_manifest, model)
    service = BatchService(created_by=by, processes=processes, timeout_minutes=timeout_minutes)
    with transaction.atomic():
        _save(service, name, description, model, input_location, output_location, results_location)
        if filtering or output_dataset or output_dataset_name:
            service = _configure(
                service, by, filtering, filter, training_manifest, output_dataset, output_dataset_name, label_mapping
            )
    return service


def change(
    *,
    service: BatchService,
    by: User | None,
    name: str,
    model: InferenceModel,
    input_location: str,
    output_location: str,
    description: str = "",
    results_location: str = "",
    processes: int = 0,
    timeout_minutes: int = 0,
    label_mapping: Mapping[str, str] | None = None,
) -> BatchService:
    """Changes a service from its next run on.

    Args:
        service, by: which one, and who changes it.
        name, model, input_location, output_location, description, results_location, processes, timeout_minutes: as
            `deploy`.
        label_mapping: while filtering is on, labels of the output dataset for classes of the model; what is not named
            stays as it was mapped, or goes to the label of the same name.

    Raises:
        Refused: model_not_ready (409), bad_value, name_exists (409), location_read_only, scheme_not_allowed,
            path_not_allowed, storage_unavailable; unknown_classes; type_mismatch, unmapped_classes where the new model
            does not fit the output dataset; filtering_off (409) where classes are mapped and there is nothing to map
            them for.
    """
    _check_locations(input_location, output_location)
    check_place(model, results_location, output_location)
    if service.filtering and model != service.model:
        _check_training(service.training_manifest, model)
    with transaction.atomic():
        service = BatchService.objects.select_for_update(of=("self",)).get(pk=service.pk)
        service.processes, service.timeout_minutes = processes, timeout_minutes
        _save(service, name, description, model, input_location, output_location, results_location)
        _check_classes(model, label_mapping or {})
        if service.filtering and service.output_dataset is not None:
            check_task(model.task, service.output_dataset, field="model")
            chosen = {**service.label_mapping, **(label_mapping or {})}
            service.label_mapping = check_mapping(model.class_names, service.output_dataset, chosen)
            service.save(update_fields=["label_mapping"])
        elif label_mapping:
            words = f"Hard example filtering of {service.name} is off. Switch it on to map classes to labels."
            raise Refused("filtering_off", words, status=409, field="label_mapping")
    return service


def configure_filtering(
    *,
    service: BatchService,
    by: User | None,
    filtering: bool,
    filter: HardExampleFilter | None = None,
    training_manifest: str = "",
    output_dataset: Dataset | None = None,
    output_dataset_name: str = "",
    label_mapping: dict[str, str] | None = None,
) -> BatchService:
    """Sets what happens to hard examples after the next run; a run that has started keeps its own settings.

    Args:
        service: the service.
        by: who sets it.
        filtering: whether to filter.
        filter: how to decide; None: "Hardmine default".
        training_manifest: `alias:path.manifest` of what the model was trained on, or "".
        output_dataset: where the hard examples go; its task must be the model's.
        output_dataset_name: a new dataset, instead; it gets the classes of the model as labels.
        label_mapping: class of the model -> label of the output dataset; a class that is not named is mapped to the
            label of the same name.

    Raises:
        Refused: no_output_dataset, type_mismatch, unknown_classes, unmapped_classes; as `create_dataset` and
            `batchservices.training.check_training`, which looks at the manifest's first lines here.
    """
    _check_training(training_manifest, service.model)
    with transaction.atomic():
        return _configure(
            service, by, filtering, filter, training_manifest, output_dataset, output_dataset_name, label_mapping
        )


def _configure(
    service: BatchService,
    by: User | None,
    filtering: bool,
    filter: HardExampleFilter | None,
    training_manifest: str,
    output_dataset: Dataset | None,
    output_dataset_name: str,
    label_mapping: dict[str, str] | None,
) -> BatchService:
    service = BatchService.objects.select_for_update(of=("self",)).get(pk=service.pk)
    _check_classes(service.model, label_mapping or {})
    if output_dataset is None and output_dataset_name.strip():
        names = service.model.class_names
        wanted = [(label_mapping or {}).get(name, name) for name in names]
        output_dataset = create_dataset(name=output_dataset_name, task=service.model.task, by=by, labels=wanted)
    if filtering and output_dataset is None:
        raise Refused(
            "no_output_dataset", "Choose the dataset for hard examples, or name a new one.", field="output_dataset"
        )
    if output_dataset is not None:
        check_task(service.model.task, output_dataset, field="output_dataset")
        label_mapping = check_mapping(service.model.class_names, output_dataset, label_mapping or {})
    service.filtering = filtering
    service.filter = filter or preset()
    service.training_manifest = training_manifest.strip()
    service.output_dataset = output_dataset
    service.label_mapping = label_mapping or {}
    service.filtering_changed_at = timezone.now()
    service.save()
    return service


def _save(
    service: BatchService,
    name: str,
    description: str,
    model: InferenceModel,
    input_location: str,
    output_location: str,
    results_location: str,
) -> None:
    if model.status != ModelStatus.READY:
        words = f"The model {model} is not ready: {model.error or model.get_status_display()}"
        raise Refused("model_not_ready", words, status=409, field="model")
    service.name, service.description, service.model = name.strip(), description.strip(), model
    service.input_location, service.output_location = input_location.strip(), output_location.strip()
    service.results_location = results_location.strip()
    if not service.name.isprintable():
        raise Refused("bad_value", "A name has no line breaks or other characters that cannot be seen.", field="name")
    try:
        service.clean_fields()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Refused("bad_value", messages[0], field=field) from None
    try:
        with transaction.atomic():
            service.save()
    except IntegrityError:
        raise Refused("name_exists", f"There is a service {service.name} already.", status=409, field="name") from None


def _check_locations(input_location: str, output_location: str) -> None:
    """Before any transaction: a storage may be slow, and SQLite has one writer."""
    _check_location("input_location", input_location.strip())
    _check_location("output_location", output_location.strip())


def _check_location(field: str, text: str) -> None:
    """That it can be read, or written to. An input folder may come later; a run without one is refused then."""
    try:
        location = locations.parse(text)
        if field == "output_location":
            if is_manifest(text):
                raise Refused("not_a_folder", "Results are written into a folder, not into a manifest.")
            if not settings.LOCATIONS[location.alias]["writable"]:
                raise Refused("location_read_only", f"Nothing can be written to {location.alias}.")
        elif is_manifest(text):
            locations.open_file(location).close()
        else:
            locations.has_files(location)
    except Refused as error:
        raise Refused(error.code, error.message, status=error.status, field=field) from None


def _check_training(text: str, model: InferenceModel) -> None:
    check_training(text.strip(), task=model.task, lines=FIRST_LINES)


def _check_classes(model: InferenceModel, chosen: Mapping[str, str]) -> None:
    """That only classes are mapped that the model has: a slip of the pen would else send its images elsewhere."""
    unknown = sorted(set(chosen) - set(model.class_names))
    if unknown:
        words = f"{model} has no such classes: {_some(unknown)}."
        raise Refused("unknown_classes", words, field="label_mapping")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")


def check_mapping(class_names: Sequence[str], dataset: Dataset, chosen: Mapping[str, str]) -> dict[str, str]:
    """Every class of a model to a label of the dataset: the chosen one, else the one of the same name.

    Raises:
        Refused: unmapped_classes, which lists them; nothing is ever made in silence.
    """
    mapping = {name: chosen.get(name, name) for name in class_names}
    labels = set(Label.objects.filter(dataset=dataset).values_list("name", flat=True))
    unmapped = [name for name, label in mapping.items() if label not in labels]
    if unmapped:
        classes = _some(unmapped)
        words = f"{dataset.name} has no label for these classes of the model: {classes}. Map them to labels it has."
        raise Refused("unmapped_classes", words, field="label_mapping")
    return mapping
