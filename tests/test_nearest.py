from runner.nearest import nearest


def test_a_near_name_is_suggested() -> None:
    assert nearest("diabets", ["diabetes", "iris"]) == "; did you mean 'diabetes'?"


def test_upper_and_lower_case_do_not_matter() -> None:
    assert nearest("MODEL", ["Model", "data"]) == "; did you mean 'Model'?"


def test_a_short_list_is_shown_when_nothing_is_near() -> None:
    assert nearest("xyz", ["blue", "green"]) == "; there are 'blue', 'green'"


def test_the_only_name_is_shown() -> None:
    assert nearest("xyz", ["blue"]) == "; there is only 'blue'"


def test_an_empty_list_is_said_to_be_empty() -> None:
    assert nearest("xyz", []) == "; there are none"


def test_a_long_list_is_left_out() -> None:
    assert nearest("xyz", [f"name-{i}" for i in range(20)]) == ""
