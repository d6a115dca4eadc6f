"""`manage.py evaluate_mining`: the filter against its own rules and against others, on labeled sets."""

import json
from argparse import ArgumentParser
from functools import partial

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from hardexamples.evaluation import evaluate, has_peer
from hardexamples.tree_trials import SET as TREES
from hardexamples.tree_trials import rounds
from hardexamples.trials import SETS, MissingSetError, Trial, trial

SEEDS = 8
COLUMNS = ("auroc", "auroc_low", "auroc_high", "average_precision", "caught_5", "caught_10", "caught_20", "ahead")


class Command(BaseCommand):
    help = "Measures how well the filter finds wrong predictions, on labeled sets that packages carry."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--set", action="append", choices=[*SETS, TREES], dest="sets", help="all, if not given")
        parser.add_argument("--seeds", type=int, default=SEEDS, help="how many rounds with another cut and model")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the rows as JSON")

    def handle(self, *, sets: list[str] | None, seeds: int, as_json: bool, **options: object) -> None:
        if seeds < 1:
            raise CommandError("--seeds: at least one round is needed.")
        if not has_peer():
            self.stderr.write("cleanlab is not installed (group dev): its scores are left out.")
        chosen = list(dict.fromkeys(sets or [*SETS, TREES]))
        rows: list[dict[str, float | str]] = []
        with tqdm(total=len(chosen) * seeds, unit="round", disable=None) as bar:
            for name in chosen:
                bar.set_description(name)
                try:
                    rows += evaluate(name, seeds=range(seeds), trial=partial(_round, name), done=bar.update)
                except MissingSetError as missing:
                    self.stderr.write(f"{name} is left out: {missing}.")
        self.stdout.write(json.dumps(rows) if as_json else table(rows))


def _round(name: str, seed: int) -> Trial:
    return Trial(*rounds(seed)) if name == TREES else trial(name, seed=seed)


def table(rows: list[dict[str, float | str]]) -> str:
    """The rows for people, one block per set."""
    lines = []
    last = ""
    for row in rows:
        if row["set"] != last:
            last = str(row["set"])
            heads = [column.replace("average_precision", "precision") for column in COLUMNS]
            lines += ["", last, f"{'':38}" + "".join(f"{head:>12}" for head in heads)]
        lines.append(f"{row['score']:38}" + "".join(f"{row[column]:12.3f}" for column in COLUMNS))
    return "\n".join(lines)
