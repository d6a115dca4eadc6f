"""The named steps at which workers are killed, in the order in which they come."""

RUN_STEPS = (
    "run.list.before_commit",
    "run.list.committed",
    "run.prepare.before_commit",
    "batchservices.execute_run.before_ring",
    "run.chunk.before_commit",
    "run.chunk.leased",
    "run.item.predicted",
    "run.result.written",
    "run.chunk.before_commit:2",
    "run.chunk.committed",
    "run.manifest.written",
    "run.conclude.before_commit",
    "batchservices.execute_collection.before_ring",
    "batchservices.execute_run.rung",
    "batchservices.execute_collection.rung",
    "run.prepared",
    "run.concluded",
)
KEEPING_STEPS = (
    "run.list.before_commit",
    "run.list.committed",
    "run.prepare.before_commit",
    "run.prepared",
    "run.chunk.leased",
    "run.result.written",
    "run.chunk.before_commit:2",
    "run.chunk.committed",
    "run.conclude.before_commit",
)
FILTER_STEPS = (
    "collection.mining.before_commit",
    "collection.mining.begun",
    "reference.chunk.before_commit",
    "reference.chunk.committed",
    "second_look.chunk.before_commit",
    "mining.fit.before_commit",
    "mining.fitted",
    "mining.suspects.before_commit",
    "mining.suspects.committed",
    "second_look.chunk.committed",
    "mining.second_look.before_commit",
    "mining.second_look.ended",
    "mining.chunk.before_commit",
    "mining.chunk.committed",
    "mining.finish.before_commit",
    "mining.finished",
    "collection.filter.before_commit",
    "collection.filtered",
    "blob.before_write",
    "blob.written:2",
    "collection.bytes.kept",
    "collection.chunk.before_commit",
    "collection.chunk.committed",
    "collection.end.before_commit",
    "collection.ended",
)
SYNCHRONIZE_STEPS = ("collection.count.before_commit", "collection.counted", "collection.chunk.committed")
RECUT_STEPS = (
    "recut.begin.before_commit",
    "recut.begun",
    "recut.chunk.before_commit",
    "recut.chunk.committed",
    "recut.conclude.before_commit",
    "recut.concluded",
)
CHOSEN_STEPS = ("chosen.count.before_commit", "chosen.counted", "collection.chunk.before_commit")
COMPARISON_STEPS = (
    "comparison.chunk.before_commit",
    "comparison.chunk.committed",
    "comparison.finished.before_commit",
)
REOPEN_STEPS = ("run.reopen.before_commit", "run.reopen.committed")
CHECK_STEPS = ("model.check.tried", "model.check.committed")
AUTO_LABELING_STEPS = (
    "auto_labeling.items.before_commit",
    "auto_labeling.items.committed",
    "auto_labeling.frozen.before_commit",
    "auto_labeling.frozen",
    "reference.chunk.before_commit",
    "reference.chunk.committed",
    "auto_labeling.measured.before_commit",
    "auto_labeling.staged.before_commit",
    "auto_labeling.staged",
    "auto_labeling.mining.before_commit",
    "auto_labeling.mining.begun",
    "mining.fitted",
    "mining.chunk.before_commit",
    "mining.chunk.committed",
    "mining.finish.before_commit",
    "mining.finished",
    "auto_labeling.ranked.before_commit",
    "auto_labeling.filtered.before_commit",
    "auto_labeling.filtered",
    "proposing.before_rows",
    "auto_labeling.deliver.before_end",
    "auto_labeling.deliver.before_commit",
    "auto_labeling.ended",
)
AUTO_GROUPING_STEPS = (
    "auto_labeling.frozen",
    "auto_grouping.staged.before_commit",
    "auto_grouping.staged",
    "auto_grouping.grouped.before_commit",
    "auto_grouping.grouped",
    "auto_grouping.deliver.before_end",
    "auto_grouping.deliver.before_commit",
)
SIMULATION_STEPS = (
    "simulation.frozen.before_commit",
    "simulation.frozen",
    "simulation.curve.before_commit",
    "simulation.curve.committed:2",
    "simulation.end.before_commit",
)
REVIEW_STEPS = ("review.chunk.before_commit", "review.chunk.committed")
START_STEPS = {
    "start": ("run.started", "batchservices.execute_run.before_ring", "run.start.committed"),
    "synchronize": (
        "batchservices.execute_collection.before_ring",
        "batchservices.execute_collection.rung",
        "collection.start.committed",
    ),
    "recut": ("recut.start.committed",),
    "chosen": ("chosen.start.committed",),
    "retry": ("run.retry.before_commit", "run.retry.committed"),
    "schedule": ("schedule.settled",),
    "auto_labeling": (
        "labeling.execute_auto_labeling.before_ring",
        "labeling.execute_auto_labeling.rung",
        "auto_labeling.start.committed",
    ),
    "auto_grouping": ("auto_grouping.start.committed",),
    "simulation": ("simulation.start.committed",),
    "register": ("model.bytes.kept", "batchservices.execute_check.before_ring", "batchservices.execute_check.rung"),
}
