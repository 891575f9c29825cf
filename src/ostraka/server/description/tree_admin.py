"""`/api/v1/stats`, the boards and `/api/v1/admin`, described."""

from typing import Any, Final

from ostraka.server.description.operation import Operation, Parameter, query
from ostraka.server.description.tree_admin_shapes import (
    ActResult,
    FlaggedMessage,
    FlaggedPage,
    LabelScore,
    Leaderboard,
    MadeClient,
    NearDuplicatePrompt,
    PublicSettings,
    Summaries,
    Summary,
    SystemCounts,
    TreeManagerStatistics,
    TreeSize,
    Trollboard,
    Updated,
)
from ostraka.server.description.tree_admin_shapes import ContributorScore as Score
from ostraka.server.description.trees import (
    MESSAGE_PLACE,
    MOMENT,
    REPLY_ID,
    SWITCH,
    USERNAME,
    tree_operation,
)
from ostraka.server.trees.admin_bodies import MOST_NOTES, Merge, NewClient
from ostraka.trees.statistics import Frame

FLAGGED_ID: Final = REPLY_ID
SOMEBODY_ID: Final = "01a1fe00-0000-7000-8000-000000000011"
SOMEBODY_ELSE_ID: Final = "01a1fe00-0000-7000-8000-000000000012"
_SOMEBODY: Final = Parameter("user_id", "path", "The contributor.", SOMEBODY_ID)
_MANY: Final = {"type": "integer", "minimum": 1, "maximum": 10_000}
_PAGE: Final = {"type": "integer", "minimum": 1, "maximum": 1000}
_FRAME: Final = Parameter(
    "frame",
    "path",
    "The span of time.",
    "total",
    {"type": "string", "enum": [str(frame) for frame in Frame]},
)
_SHOWN_FIRST: Final = "It only says what it would lead to, unless `preview` is `false`."
_PREVIEW: Final = query("preview", "`false` does it; otherwise nothing is changed.", SWITCH)


def _text(most: int) -> dict[str, Any]:
    return {"type": "string", "pattern": r"^[^\u0000]*$", "maxLength": most}


_STATISTICS: Final = (
    tree_operation("count_tree_system", "get", "stats/", "Messages and trees", SystemCounts),
    tree_operation(
        "tree_manager_statistics",
        "get",
        "stats/tree_manager",
        "Trees by state and size",
        TreeManagerStatistics,
    ),
    tree_operation(
        "tree_state_counts",
        "get",
        "stats/tree_manager/state_counts",
        "Trees by state",
        dict[str, int],
    ),
    tree_operation(
        "tree_sizes",
        "get",
        "stats/tree_manager/message_counts",
        "Trees by size",
        list[TreeSize],
        parameters=(query("only_active", "`false` for trees in every state.", SWITCH),),
    ),
    tree_operation("tree_summaries", "get", "stats/cached", "Summaries", Summaries),
    tree_operation(
        "tree_summary",
        "get",
        "stats/cached/{name}",
        "A summary",
        Summary,
        parameters=(Parameter("name", "path", "Which one.", "message_trees_by_state"),),
    ),
    tree_operation(
        "update_tree_summaries",
        "post",
        "stats/cached/update",
        "Summaries, anew",
        Summaries,
        description="They are counted whenever they are asked for.",
    ),
    tree_operation(
        "tree_text_toxicity",
        "get",
        "hf/text_toxicity",
        "The toxicity of a text",
        list[list[LabelScore]],
        description="Scores of this server's classifier in the labels of civil_comments.",
        parameters=(query("msg", "The text; the answer is empty without one.", _text(5000)),),
    ),
)
_BOARDS: Final = (
    tree_operation(
        "tree_leaderboard",
        "get",
        "leaderboards/{frame}",
        "Contributors by points",
        Leaderboard,
        parameters=(_FRAME, query("max_count", "How many lines; 100 unless said.", _MANY)),
    ),
    tree_operation(
        "update_tree_leaderboards",
        "post",
        "leaderboards/update",
        "Update the boards",
        Updated,
        description="There is nothing to do: counts are kept with every act.",
    ),
    tree_operation(
        "update_tree_leaderboard",
        "post",
        "leaderboards/update/{frame}",
        "Update a board",
        Updated,
        parameters=(_FRAME,),
    ),
    tree_operation(
        "tree_trollboard",
        "get",
        "trollboards/{frame}",
        "Contributors by trouble",
        Trollboard,
        parameters=(
            _FRAME,
            query("max_count", "How many lines; 100 unless said.", _MANY),
            query("enabled", "Only those who may contribute, or who may not.", SWITCH),
        ),
    ),
    tree_operation(
        "tree_contributor_statistics",
        "get",
        "users/{user_id}/stats",
        "What a contributor did",
        dict[str, Score],
        parameters=(_SOMEBODY,),
    ),
    tree_operation(
        "tree_contributor_statistics_of_frame",
        "get",
        "users/{user_id}/stats/{frame}",
        "What a contributor did in a span of time",
        Score,
        parameters=(_SOMEBODY, _FRAME),
    ),
    tree_operation(
        "tree_leaderboard_window",
        "get",
        "users/{user_id}/stats/{frame}/window",
        "The board around a contributor",
        Leaderboard,
        parameters=(
            _SOMEBODY,
            _FRAME,
            query(
                "window_size",
                "How many lines; 5 unless said.",
                {"type": "integer", "minimum": 1, "maximum": 1000},
            ),
        ),
    ),
)
_PEOPLE: Final = (
    tree_operation(
        "change_tree_contributor",
        "put",
        "users/{user_id}",
        "Change a contributor",
        description="`enabled=false` bans them, and nothing that their client sends lifts that.",
        parameters=(
            _SOMEBODY,
            query("display_name", "What others see.", _text(200)),
            query("enabled", "Whether they may contribute.", SWITCH),
            query("notes", "For moderators.", _text(MOST_NOTES)),
            query("show_on_leaderboard", "Whether boards show them.", SWITCH),
            query("tos_acceptance", "`true`: they have accepted the terms.", SWITCH),
        ),
        also=(409,),
    ),
    tree_operation(
        "forget_tree_contributor",
        "delete",
        "users/{user_id}",
        "Forget who a contributor is",
        description="Their messages stay, under no name.",
        parameters=(_SOMEBODY,),
    ),
    tree_operation(
        "delete_messages_of_tree_contributor",
        "delete",
        "users/{user_id}/messages",
        "Delete what a contributor wrote",
        parameters=(_SOMEBODY,),
        also=(409,),
    ),
    tree_operation(
        "delete_messages_of_clients_tree_contributor",
        "delete",
        "frontend_users/{auth_method}/{username}/messages",
        "Delete what a client's contributor wrote",
        parameters=(
            Parameter("auth_method", "path", "How they sign in.", "local"),
            Parameter("username", "path", "Their name there.", USERNAME),
        ),
        also=(409,),
    ),
    tree_operation(
        "purge_tree_contributor",
        "post",
        "admin/purge_user/{user_id}",
        "Erase a contributor",
        ActResult,
        description=f"What they wrote and said of others, and who they are. {_SHOWN_FIRST}",
        parameters=(_SOMEBODY, _PREVIEW, query("ban", "`false` does not ban them.", SWITCH)),
        also=(409,),
    ),
    tree_operation(
        "purge_messages_of_tree_contributor",
        "post",
        "admin/purge_user/{user_id}/messages",
        "Erase what a contributor wrote",
        ActResult,
        description=_SHOWN_FIRST,
        parameters=(
            _SOMEBODY,
            _PREVIEW,
            query("purge_initial_prompts", "Prompts, too, with their trees.", SWITCH),
            query("min_date", "Written at this moment or later.", MOMENT),
            query("max_date", "Written at this moment or earlier.", MOMENT),
        ),
        also=(409,),
    ),
    *(
        tree_operation(
            f"{name}_tree_contributor",
            "post",
            f"admin/{name}_user/{{user_id}}",
            summary,
            ActResult,
            description=_SHOWN_FIRST,
            parameters=(_SOMEBODY, _PREVIEW),
            also=(409,),
        )
        for name, summary in (
            ("withdraw", "Take back what a contributor said of others"),
            ("reinstate", "Put back what was withdrawn"),
        )
    ),
    tree_operation(
        "merge_tree_contributors",
        "post",
        "admin/merge_users",
        "Make one contributor of several",
        description="The others' names lead to the one who stays.",
        request=Merge,
        requests={
            "two": {"destination_user_id": SOMEBODY_ELSE_ID, "source_user_ids": [SOMEBODY_ID]}
        },
        may_miss=True,
        also=(409,),
    ),
)
_ADMINISTRATION: Final = (
    tree_operation(
        "make_tree_client",
        "post",
        "admin/api_client",
        "Make a key for a client",
        MadeClient,
        description="For administrators who show a key or are signed in; the first key of all is "
        "made by `ostraka keys create`.",
        request=NewClient,
        requests={"front end": {"description": "front end", "trusted": False}},
    ),
    tree_operation(
        "public_tree_settings",
        "get",
        "admin/backend_settings/public",
        "What a front end needs to know",
        PublicSettings,
    ),
    tree_operation(
        "tree_settings",
        "get",
        "admin/backend_settings/full",
        "How trees are grown",
        dict[str, Any],
        description="The whole configuration; no secret is part of it.",
    ),
    tree_operation(
        "list_flagged_tree_messages",
        "get",
        "admin/flagged_messages",
        "Reported messages",
        list[FlaggedMessage],
        parameters=(
            query("max_count", "How many; 10 unless said.", _PAGE),
            query("processed", "Only those that somebody has looked at, or nobody.", SWITCH),
        ),
    ),
    tree_operation(
        "page_flagged_tree_messages",
        "get",
        "admin/flagged_messages/cursor",
        "Reported messages in pages",
        FlaggedPage,
        parameters=(
            query("after", "Go on after this place: `next` of a page, or a moment.", MESSAGE_PLACE),
            query("before", "Go back from this place: `prev` of a page.", MESSAGE_PLACE),
            query("max_count", "How many; 10 unless said.", _PAGE),
            query("desc", "The newest first.", SWITCH),
            query("processed", "Only those that somebody has looked at, or nobody.", SWITCH),
        ),
    ),
    tree_operation(
        "process_flagged_tree_message",
        "post",
        "admin/flagged_messages/{message_id}/processed",
        "Let a reported message stay",
        FlaggedMessage,
        parameters=(Parameter("message_id", "path", "The message.", FLAGGED_ID),),
        also=(409,),
    ),
    tree_operation(
        "near_duplicate_tree_prompts",
        "get",
        "admin/near_duplicates",
        "Prompts that say nearly the same",
        list[NearDuplicatePrompt],
        parameters=(query("max_count", "How many; 10 unless said.", _PAGE),),
    ),
)
OPERATIONS: Final[tuple[Operation, ...]] = (*_STATISTICS, *_BOARDS, *_PEOPLE, *_ADMINISTRATION)
