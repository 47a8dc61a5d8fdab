"""How many threads scoring processes and commands may use."""

from __future__ import annotations

from runner.threads import one_thread_each, without_limits


def test_what_a_process_is_held_to_a_command_is_freed_from() -> None:
    limits = one_thread_each()
    assert set(limits.values()) == {"1"}
    assert without_limits({**limits, "NUMEXPR_NUM_THREADS": "2", "PATH": "/bin"}) == {
        "PATH": "/bin"
    }
