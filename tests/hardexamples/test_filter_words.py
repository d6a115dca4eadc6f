"""A filter's settings are told as its form tells them."""

from hardexamples.filter_settings import FilterSettings
from hardexamples.filter_words import settings_lines


def test_every_setting_has_words_and_none_a_key() -> None:
    lines = dict(settings_lines(FilterSettings().as_dict()))
    assert lines["Clusters, weight"] == "0.202"
    assert lines["Weights"] == "Learned from the training manifest"
    assert lines["Images are changed by"].startswith("crop ")
    assert not [words for line in lines.items() for words in line if "_" in words]


def test_what_is_off_and_what_is_capped_says_so() -> None:
    settings = FilterSettings(weights={"predict_score_mining": 0.5, "clustering_mining": 0}, augmentations={}, cap=20)
    lines = dict(settings_lines(settings.as_dict()))
    assert lines["Images are changed by"] == lines["Clusters, weight"] == "off"
    assert lines["Confidence, weight"] == "0.5"
    assert lines["Never more hard examples than"] == "20"


def test_settings_of_a_later_version_or_none_at_all_are_shown_too() -> None:
    assert settings_lines({}) == []
    assert settings_lines({"novel_setting": 3, "fusion": "unheard of"}) == [
        ("Novel setting", "3"),
        ("Weights", "unheard of"),
    ]
