"""A dataset of many samples, written by bare SQL into an SQLite file: what `review_bench` reads and decides.

The images do not exist, their rows do: 8 of 10 samples are To Be Confirmed, the others Unlabeled and Labeled by three
people, each with an annotation where it is not Unlabeled, and one to four reasons where it is hard; a twentieth stand
in stacks of ten. The coefficient has nothing to do with the order of the rows, as in life.
"""

import sqlite3
from pathlib import Path

RARE_CODE = 30
RARE_EVERY = 100_003
LABELS = ("car", "truck", "bus", "person", "bicycle", "dog", "cat", "sign", "light", "other")

FACTS = """
    CREATE TEMP TABLE facts AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
    SELECT i, i % 10 AS tenth, (i * 2654435761 % 1000003) / 1000003.0 AS coefficient,
           (i * 40503 % 65537) / 65537.0 AS confidence, (i * 7919 / 13) % 10 AS class FROM n
"""
ROWS = (
    """INSERT INTO datasets_blob (id, sha256, size, width, height, format, created_at)
       SELECT i, printf('%064x', i), 400000, 1920, 1080, 'JPEG', '2026-11-01 00:00:00' FROM facts""",
    """INSERT INTO datasets_sample (id, dataset_id, blob_id, name, source, origin, status, hard, hard_set_by,
           hard_coefficient, stack, control, usage, predicted_label, confidence, version, created_at, confirmed_at,
           confirmed_by_id, usefulness, lot)
       SELECT i, :dataset, i, printf('street_%08d.jpg', i), printf('inputs:street_%08d.jpg', i),
           CASE WHEN i % 50021 = 0 THEN 'dataset' WHEN tenth = 0 THEN 'import' ELSE 'filter' END,
           CASE tenth WHEN 0 THEN 'unlabeled' WHEN 1 THEN 'labeled' ELSE 'to_be_confirmed' END,
           coefficient >= 0.1, CASE WHEN coefficient >= 0.1 THEN 'rules' ELSE '' END, coefficient,
           CASE WHEN i % 20 = 7 THEN 'm-' || (i / 200) ELSE '' END, 0, '', json_extract(:labels, '$[' || class || ']'),
           confidence, 1, datetime('2026-08-01', '+' || (i * 100 / :count) || ' days'),
           CASE tenth WHEN 1 THEN '2026-11-21 10:00:00' END, CASE tenth WHEN 1 THEN :first_user + i / 10 % 3 END,
           0.0, (i * 7919 % 1000003) / 1000003.0
       FROM facts""",
    """INSERT INTO datasets_annotation (sample_id, label_id, origin, annotated_by, confidence, hard, hard_coefficient,
           created_at)
       SELECT i, :first_label + class, 'model', 'm1', confidence, 0, 0, '2026-11-01 00:00:00' FROM facts WHERE tenth""",
    """INSERT INTO datasets_hardreason (sample_id, code, rule, score, measured, sentence, suggestion, neighbors,
           position, created_at)
       SELECT i, code, rule, coefficient, confidence, rule || ' says so, with a number and what is normal', '', '[]', 0,
           '2026-11-01 00:00:00'
       FROM facts JOIN (SELECT 1 AS code, 'low_confidence' AS rule, 1 AS every UNION ALL SELECT 3, 'class_distance', 3
           UNION ALL SELECT 5, 'image_distribution', 97 UNION ALL SELECT :rare, 'outlier', :rare_every)
       WHERE i % every = 0 AND coefficient >= 0.1""",
    "UPDATE datasets_samplecount SET count = (SELECT count(*) FROM datasets_sample s WHERE s.dataset_id = :dataset AND"
    " s.status = datasets_samplecount.status AND s.hard = datasets_samplecount.hard) WHERE dataset_id = :dataset",
)


def fill(database: Path, *, count: int, dataset: int, first_label: int, first_user: int, labels: str) -> None:
    """Writes `count` samples into an empty dataset.

    Args:
        first_label, first_user: ids of the first of ten labels and of three users, the others follow.
        labels: the names of the labels, as JSON.
    """
    values = locals() | {"rare": RARE_CODE, "rare_every": RARE_EVERY}
    del values["database"]
    connection = sqlite3.connect(database)
    try:
        for pragma in ("journal_mode = WAL", "synchronous = OFF", "cache_size = -1000000", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(FACTS, values)
        for statement in ROWS:
            connection.execute(statement, values)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
