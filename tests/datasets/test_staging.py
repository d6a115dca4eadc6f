"""The lists of what is imported come back as they were kept, however long they are."""

from datasets import staging
from datasets.locations import Location


def test_the_list_of_a_folder_with_a_million_files_comes_back() -> None:
    folder = Location("staging", "imports/task-1")
    assert staging.frozen(folder) is None
    names = [f"2026/camera north/{number:07}/a picture of the street of some length.jpg" for number in range(10**6)]
    staging.freeze(folder, names)
    assert staging.frozen(folder) == names
