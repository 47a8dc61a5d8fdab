from __future__ import annotations

from infra.endpoints.arguments import arguments
from runner.declarations import BatchSettings, Probe, RequestSettings, RetrySettings


def test_words_and_durations_are_in_azures_form_and_groups_are_mappings() -> None:
    declared = BatchSettings(retry_settings=RetrySettings(5, 90), environment_variables={"A": "1"})
    found = arguments(declared)
    assert (found["output_action"], found["logging_level"]) == ("AppendRow", "Info")
    assert found["retry_settings"] == {"max_retries": 5, "timeout": "PT1M30S"}
    assert (found["mini_batch_size"], found["environment_variables"]) == (10, {"A": "1"})


def test_a_name_loses_the_unit_that_its_duration_says() -> None:
    assert arguments(RequestSettings()) == {
        "request_timeout": "PT5S",
        "max_concurrent_requests_per_instance": 1,
        "max_queue_wait": "PT0.5S",
    }


def test_what_is_not_declared_or_empty_is_left_to_azure() -> None:
    assert set(arguments(Probe()).values()) == {None}
    assert arguments(BatchSettings())["environment_variables"] is None
