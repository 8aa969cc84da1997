"""Which output a model answers for, and when there is none."""

from __future__ import annotations

from classroom.panels import live


def test_the_token_of_an_output_is_the_same_each_time_the_same_notebook_is_run(monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert live.token("panel", {"pause": 40}) == live.token("panel", {"pause": 40})
    assert live.token("panel", {"pause": 40}) != live.token("panel", {"pause": 45})


def test_two_notebooks_with_the_same_panel_have_two_tokens(monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "lessons/08.ipynb")
    lesson = live.token("panel")
    monkeypatch.setenv("JPY_SESSION_NAME", "desk/08.ipynb")
    assert live.token("panel") != lesson


def test_no_model_is_opened_where_no_page_can_listen(monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert not live.listened_to()
    monkeypatch.setenv("JPY_SESSION_NAME", "lessons/08.ipynb")
    assert not live.listened_to()  # a test is no kernel
