import numpy as np

from hardexamples import crops


def test_parts_lie_inside_and_are_the_same_for_each_image_of_a_size() -> None:
    parts = crops.places((200, 100))
    assert parts.shape == (12, 4)
    assert (parts[:, :2] >= 0).all()
    assert (parts[:, 2:] <= (200, 100)).all()
    assert (parts[:, 2:] > parts[:, :2]).all()
    np.testing.assert_array_equal(parts, crops.places((200, 100)))


def test_a_part_holds_an_object_none_or_a_rest_that_leaves_it_undecided() -> None:
    parts = np.array([[0, 0, 50, 50], [50, 50, 100, 100], [0, 0, 13, 50]])
    np.testing.assert_array_equal(crops.held(parts, np.array([[10, 10, 30, 30]])), [1, 0, np.nan])
    np.testing.assert_array_equal(crops.held(parts, np.zeros((0, 4))), [0, 0, 0])
