"""The configuration of trees: what it says by default, and where a fault is."""

from pathlib import Path

import pytest
from growing import DEFAULTS
from pydantic import ValidationError

from ostraka.errors import PolicyProblem, TreeConfigurationError
from ostraka.trees import labels
from ostraka.trees.configuration import TreeConfiguration, parse_configuration, size_limit
from ostraka.trees.language_tags import canonical
from ostraka.trees.states import State


def problem(text: str) -> PolicyProblem:
    with pytest.raises(TreeConfigurationError) as caught:
        parse_configuration(text)
    (only,) = caught.value.problems
    return only


def test_defaults_are_those_that_users_know() -> None:
    found = parse_configuration("")
    assert found == DEFAULTS == TreeConfiguration()
    known = {
        "max_active_trees": 10,
        "max_initial_prompt_review": 100,
        "max_tree_depth": 3,
        "max_children_count": 3,
        "num_prompter_replies": 1,
        "goal_tree_size": 12,
        "random_goal_tree_size": False,
        "min_goal_tree_size": 5,
        "num_reviews_initial_prompt": 3,
        "num_reviews_reply": 3,
        "auto_mod_enabled": True,
        "auto_mod_max_skip_reply": 25,
        "auto_mod_red_flags": 4,
        "p_full_labeling_review_prompt": 1.0,
        "p_full_labeling_review_reply_assistant": 1.0,
        "p_full_labeling_review_reply_prompter": 0.25,
        "acceptance_threshold_initial_prompt": 0.6,
        "acceptance_threshold_reply": 0.6,
        "num_required_rankings": 3,
        "p_activate_backlog_tree": 0.1,
        "min_active_rankings_per_lang": 0,
        "rank_prompter_replies": False,
        "lonely_children_count": 2,
        "p_lonely_child_extension": 0.75,
        "recent_tasks_span_sec": 300,
        "max_pending_tasks_per_user": 8,
        "max_prompt_lottery_waiting": 250,
        "init_prompt_disabled_langs": (),
        "message_size_limit": 2000,
        "duplicate_message_window_minutes": 120,
        "task_validity_minutes": 2880,
    }
    assert found.model_dump(include=set(known)) == known
    assert len(found.labels_initial_prompt) == 11
    assert len(found.labels_assistant_reply) == 13
    assert found.labels_prompter_reply == found.labels_initial_prompt
    assert found.mandatory_labels_for("assistant_reply") == ("spam",)
    assert found.task_weights.model_dump() == {
        "ranking": 10,
        "label_reply": 5,
        "label_prompt": 5,
        "reply": 2,
        "prompt": 0.01,
    }


def test_labels_of_replies_are_in_their_order() -> None:
    assert DEFAULTS.labels_for("assistant_reply") == (
        "spam",
        "lang_mismatch",
        "fails_task",
        "quality",
        "helpfulness",
        "creativity",
        "humor",
        "toxicity",
        "violence",
        "not_appropriate",
        "pii",
        "hate_speech",
        "sexual_content",
    )
    assert len(set(labels.NAMES)) == len(labels.NAMES) == 15


def test_b7_nothing_can_change_it_at_run_time() -> None:
    with pytest.raises(ValidationError):
        DEFAULTS.p_full_labeling_review_reply_prompter = 0.1
    with pytest.raises(ValidationError):
        DEFAULTS.task_weights.ranking = 0


@pytest.mark.parametrize(
    ("text", "field", "line", "words"),
    [
        ("\nmax_active_trees = 0\n", "max_active_trees", 2, "greater than or equal to 1"),
        ('goal_tree_size = "12"', "goal_tree_size", 1, "valid integer"),
        ("max_activ_trees = 3", "max_activ_trees", 1, "no such field"),
        ("goal_tree_size = 17", "goal_tree_size", 1, "16 messages at most"),
        ("max_tree_depth = 1", "goal_tree_size", None, "4 messages at most"),
        ("random_goal_tree_size = true\nmin_goal_tree_size = 13", "min_goal_tree_size", 2, "13"),
        ('labels_initial_prompt = ["spam", "boring"]', "labels_initial_prompt", 1, "'boring'"),
        (
            'mandatory_labels_prompter_reply = ["fails_task", "spam"]',
            "mandatory_labels_prompter_reply",
            1,
            "not among",
        ),
        (
            'mandatory_labels_prompter_reply = ["quality"]',
            "mandatory_labels_prompter_reply",
            1,
            "acceptance rests on it",
        ),
        ("acceptance_threshold_reply = nan", "acceptance_threshold_reply", 1, "finite"),
    ],
)
def test_faults_have_a_place(text: str, field: str, line: int | None, words: str) -> None:
    found = problem(text)
    assert (found.field, found.line) == (field, line)
    assert words in found.message


def test_weights_have_a_table() -> None:
    found = problem("[task_weights]\nranking = -1.0\n")
    assert (found.table, found.field, found.line) == ("task_weights", "ranking", 2)
    zeros = "\n".join(
        f"{name} = 0.0" for name in ("ranking", "label_reply", "label_prompt", "reply", "prompt")
    )
    assert "one weight" in problem(f"[task_weights]\n{zeros}").message
    assert parse_configuration("[task_weights]\nreply = 3\n").task_weights.reply == 3


def test_syntax_and_several_faults() -> None:
    assert "no TOML" in problem("max_active_trees = ").message
    with pytest.raises(TreeConfigurationError) as caught:
        parse_configuration("max_active_trees = 0\nmax_children_count = 0")
    assert len(caught.value.problems) == 2
    assert caught.value.code == "invalid_tree_configuration"


def test_languages_may_be_a_list_or_text() -> None:
    for text in ('"de, fr"', '["de", "fr"]', '["DE", "Fr"]'):
        found = parse_configuration(f"init_prompt_disabled_langs = {text}")
        assert found.init_prompt_disabled_langs == ("de", "fr")


def test_a_language_has_one_tag_however_it_is_written() -> None:
    tags = {"EN": "en", "pt-br": "pt-BR", "ZH-hant-tw": "zh-Hant-TW", "es-419": "es-419"}
    assert {tag: canonical(tag) for tag in tags} == tags


def test_size_limit_counts_level_by_level() -> None:
    assert size_limit(0, 3, 1) == 1
    assert size_limit(3, 3, 1) == 1 + 3 + 3 + 9
    assert size_limit(2, 2, 5) == 1 + 2 + 4


def test_every_field_is_in_the_guide() -> None:
    page = (Path(__file__).parents[1] / "docs/trees.md").read_text("utf-8")
    for name in TreeConfiguration.model_fields:
        assert f"| `{name}` |" in page
    for state in State:
        assert f"| `{state}` |" in page
