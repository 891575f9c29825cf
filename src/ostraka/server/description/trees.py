"""`/api/v1/tasks`, `/api/v1/text_labels`, `/api/v1/messages` and `/api/v1/users`, described."""

from typing import Any, Final, get_args

from ostraka.server.description.operation import TEXT, Operation, Parameter, query
from ostraka.server.description.tree_shapes import (
    TASKS,
    ContributorPage,
    Edit,
    Emoji,
    ExplainedAvailability,
    Interaction,
    MessagePage,
    MessageTree,
    Renewed,
    Revision,
    TaskDone,
    TaskRequest,
    TextLabels,
    TreeContributor,
    TreeConversation,
    TreeMessage,
    TreeState,
    ValidLabels,
)
from ostraka.server.envelopes import Dialect
from ostraka.server.trees.bodies import (
    LANGUAGE_PATTERN,
    AuthMethod,
    Profile,
    TaskAcknowledgement,
    TaskClose,
    TaskRefusal,
    User,
)

TASK_ID: Final = "01a1fe00-0000-7000-8000-00000000000c"
SKIPPED_TASK_ID: Final = "01a1fe00-0000-7000-8000-00000000000d"
PROMPT_ID: Final = "01a1fe00-0000-7000-8000-00000000000e"
REPLY_ID: Final = "01a1fe00-0000-7000-8000-00000000000f"
CONTRIBUTOR_ID: Final = "01a1fe00-0000-7000-8000-000000000010"
USERNAME: Final = "ann"
CLIENTS_MESSAGE_ID: Final = "message-17"
CLIENTS_TASK_ID: Final = "task-17"
TREE_CLIENT: Final = (Dialect.OPEN_ASSISTANT,)

_ANN: Final = {"id": USERNAME, "display_name": "Ann", "auth_method": "local"}
SWITCH: Final = {"type": "string", "enum": ["true", "false"]}
_MAYBE: Final = {"type": "string", "enum": ["true", "false", ""]}
"""A parameter without a value counts as left out."""
MOMENT: Final = {"type": "string", "format": "date-time"}
_LANGUAGE: Final = {"type": "string", "pattern": rf"^$|{LANGUAGE_PATTERN}", "maxLength": 35}
_ISO: Final = (
    r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{6})?Z"
)
MESSAGE_PLACE: Final = {"type": "string", "pattern": rf"^([0-9a-f-]{{36}}\$)?{_ISO}$"}
_AUTH: Final = {"type": "string", "enum": list(get_args(AuthMethod))}


def _count(most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": most}


def _path(name: str, example: str, description: str) -> Parameter:
    return Parameter(name, "path", description, example)


def tree_operation(
    id: str,
    method: str,
    path: str,
    summary: str,
    *shapes: Any,
    parameters: tuple[Parameter, ...] = (),
    **more: Any,
) -> Operation:
    """An operation of this door: a path with a parameter may miss, no shape means no content."""
    return Operation(
        id=id,
        method=method,
        path=f"/api/v1/{path}",
        tag="Conversation trees",
        summary=summary,
        shapes=shapes,
        status=200 if shapes else 204,
        dialects=TREE_CLIENT,
        parameters=parameters,
        may_miss=any(each.place == "path" for each in parameters) or more.pop("may_miss", False),
        **more,
    )


_TASK: Final = _path("task_id", TASK_ID, "The task.")
_LANG: Final = query("lang", "The language, as a tag such as `en` or `pt-BR`.", _LANGUAGE)
_USER_OR_HEADER: Final = (
    "The contributor is the body's `user`, or the header `x-oasst-user: auth_method:username`; "
    "they must agree."
)

_TASKS: Final = (
    tree_operation(
        "request_tree_task",
        "post",
        "tasks/",
        "Take a task",
        *TASKS,
        description="The task is held for the contributor until `expires_at`, and what they hand "
        "in by then is accepted. Where there is none, the answer is 404 with `error_code` 1006, "
        f"and its message says why. {_USER_OR_HEADER} An `Idempotency-Key` makes it safe to "
        "repeat.",
        request=TaskRequest,
        requests={"prompt": {"type": "initial_prompt", "user": _ANN, "lang": "en"}},
        also=(404, 409),
    ),
    tree_operation(
        "tree_task_availability",
        "post",
        "tasks/availability",
        "What there is to do",
        dict[str, int],
        ExplainedAvailability,
        description="How many tasks of each kind the contributor could take. It changes nothing.",
        parameters=(_LANG, query("explain", "Say, too, why there are none of a kind.", _MAYBE)),
        request=User,
        requests={"ann": _ANN},
    ),
    tree_operation(
        "tree_interaction",
        "post",
        "tasks/interaction",
        "Hand in a task",
        TaskDone,
        description="A text, labels or a ranking. Sent again, it is taken once. The language of a "
        "reply is its tree's, whatever is sent.",
        request=Interaction,
        requests={
            "text": {
                "type": "text_reply_to_message",
                "message_id": CLIENTS_TASK_ID,
                "user_message_id": "message-18",
                "text": "How do magnets work?",
                "user": _ANN,
            }
        },
        also=(404, 409),
    ),
    tree_operation(
        "close_tree_task",
        "post",
        "tasks/close",
        "Give a task back",
        description="By the client's own id. Its message may be offered to the contributor again.",
        request=TaskClose,
        requests={"task": {"message_id": CLIENTS_TASK_ID}},
        also=(404, 409),
    ),
    tree_operation("tree_task", "get", "tasks/{task_id}", "A task", *TASKS, parameters=(_TASK,)),
    tree_operation(
        "acknowledge_tree_task",
        "post",
        "tasks/{task_id}/ack",
        "Name a task",
        description="`message_id` is what the client calls the task from now on.",
        parameters=(_TASK,),
        request=TaskAcknowledgement,
        requests={"task": {"message_id": CLIENTS_TASK_ID}},
        also=(409,),
    ),
    tree_operation(
        "refuse_tree_task",
        "post",
        "tasks/{task_id}/nack",
        "Refuse a task",
        description="Its message is not offered to the contributor again for the same.",
        parameters=(_TASK,),
        request=TaskRefusal,
        requests={"reason": {"reason": "I do not know enough about it."}},
        also=(409,),
    ),
    tree_operation(
        "take_back_tree_refusal",
        "post",
        "tasks/{task_id}/undo_nack",
        "Undo a refusal",
        *TASKS,
        description="The same again as a new task, or 404 where somebody else has taken it.",
        parameters=(_path("task_id", SKIPPED_TASK_ID, "The task that was refused."),),
        also=(409,),
    ),
    tree_operation(
        "renew_tree_task",
        "post",
        "tasks/{task_id}/renew",
        "Hold a task longer",
        Renewed,
        description="As long again, from now on: a heartbeat for somebody who is still at work.",
        parameters=(_TASK,),
        also=(409,),
    ),
)
_LABELS: Final = (
    tree_operation(
        "label_tree_message",
        "post",
        "text_labels/",
        "Label or report a message",
        description="Without a task labels decide nothing. A report puts a red flag on the message "
        "and brings it before a moderator; its `text` says why. With a task it is an interaction.",
        request=TextLabels,
        requests={
            "report": {
                "text": "It has somebody's address in it.",
                "labels": {"pii": 1},
                "message_id": REPLY_ID,
                "is_report": True,
                "user": _ANN,
            }
        },
        also=(404, 409),
    ),
    tree_operation(
        "valid_tree_labels",
        "get",
        "text_labels/valid_labels",
        "Labels of a message",
        ValidLabels,
        parameters=(query("message_id", "The message; without one, those of any text."),),
        may_miss=True,
    ),
    tree_operation(
        "tree_report_labels",
        "get",
        "text_labels/report_labels",
        "Labels of a report",
        ValidLabels,
    ),
)
_MESSAGE: Final = _path("message_id", PROMPT_ID, "The message.")
_CLIENTS_MESSAGE: Final = _path(
    "frontend_id", CLIENTS_MESSAGE_ID, "What the client calls the message."
)
_REPLY: Final = _path("message_id", REPLY_ID, "The message.")
_VISIBLE: Final = (
    query("include_spam", "`false` leaves rejected messages out.", SWITCH),
    query("include_deleted", "Deleted messages too; for trusted clients.", SWITCH),
)
_FILTERS: Final = (
    query("max_count", "How many at most; 10 unless said.", _count(1000)),
    query("auth_method", "Of contributors who signed in like this.", _AUTH),
    query("username", "Of the contributor of this name."),
    query("api_client_id", "Of the contributors of a client; for trusted clients."),
    query("only_roots", "Prompts alone.", SWITCH),
    query("desc", "The newest first.", SWITCH),
    _LANG,
)
_SPAN: Final = (
    query("start_date", "Written at this moment or later.", MOMENT),
    query("end_date", "Written at this moment or earlier.", MOMENT),
    query("allow_deleted", "Deleted messages too; for trusted clients.", SWITCH),
)
_CURSOR: Final = (
    query("after", "Go on after this place: `next` of a page, or a moment.", MESSAGE_PLACE),
    query("before", "Go back from this place: `prev` of a page, or a moment.", MESSAGE_PLACE),
    query("search_query", "Texts that contain this."),
    query("include_deleted", "Deleted messages too; for trusted clients.", SWITCH),
)
_OWN_FILTERS: Final = tuple(
    each for each in _FILTERS if each.name not in ("auth_method", "username")
)
_AUTHOR: Final = query("user_id", "Of this contributor.")
_READS: Final = (
    ("message", "", "A message", TreeMessage, ()),
    ("conversation", "/conversation", "The way to a message", TreeConversation, _VISIBLE),
    ("tree", "/tree", "The tree of a message", MessageTree, _VISIBLE),
    ("tree_state", "/tree/state", "Where a tree is", TreeState, ()),
    ("children", "/children", "Replies to a message", list[TreeMessage], _VISIBLE),
    ("descendants", "/descendants", "What is below a message", MessageTree, _VISIBLE),
    (
        "longest_conversation",
        "/longest_conversation_in_tree",
        "The longest conversation of a tree",
        TreeConversation,
        _VISIBLE,
    ),
    (
        "max_children",
        "/max_children_in_tree",
        "The message with the most replies, with them",
        MessageTree,
        _VISIBLE,
    ),
)
_MESSAGES: Final = (
    tree_operation(
        "list_tree_messages",
        "get",
        "messages/",
        "Messages",
        list[TreeMessage],
        description="The newest first, of the client's own contributors unless it is trusted.",
        parameters=(*_FILTERS, *_SPAN),
    ),
    tree_operation(
        "page_tree_messages",
        "get",
        "messages/cursor",
        "Messages in pages",
        MessagePage,
        parameters=(*_FILTERS, _AUTHOR, *_CURSOR),
    ),
    *(
        tree_operation(
            f"{prefix}tree_{name}" if name == "message" else f"{prefix}{name}_of_tree_message",
            "get",
            f"{where}{end}",
            summary,
            shape,
            parameters=(of, *parameters),
        )
        for prefix, where, of in (
            ("", "messages/{message_id}", _MESSAGE),
            ("clients_", "frontend_messages/{frontend_id}", _CLIENTS_MESSAGE),
        )
        for name, end, summary, shape, parameters in _READS
    ),
    tree_operation(
        "change_tree_state",
        "put",
        "messages/{message_id}/tree/state",
        "Halt a tree, or let it go on",
        description="A halted tree goes on from where it was, one given up from its start.",
        parameters=(_MESSAGE, query("halt", "`false` lets it go on.", SWITCH)),
        also=(409,),
    ),
    tree_operation(
        "delete_tree_message",
        "delete",
        "messages/{message_id}",
        "Delete a message",
        description="And everything below it; `undelete` brings it back.",
        parameters=(_REPLY,),
        also=(409,),
    ),
    tree_operation(
        "undelete_tree_message",
        "put",
        "messages/{message_id}/undelete",
        "Bring a message back",
        description="And everything above it; what is below stays away.",
        parameters=(_REPLY,),
        also=(409,),
    ),
    tree_operation(
        "edit_tree_message",
        "post",
        "messages/{message_id}/edit",
        "Edit a message",
        description="It is reviewed and ranked anew, and the old text is kept.",
        parameters=(_REPLY,),
        request=Edit,
        requests={"text": {"user": _ANN, "new_content": "They attract each other."}},
        also=(409,),
    ),
    tree_operation(
        "tree_message_history",
        "get",
        "messages/{message_id}/history",
        "The texts that a message had",
        list[Revision],
        parameters=(_REPLY,),
    ),
    tree_operation(
        "react_to_tree_message",
        "post",
        "messages/{message_id}/emoji",
        "React to a message",
        TreeMessage,
        parameters=(_REPLY,),
        request=Emoji,
        requests={"like": {"user": _ANN, "emoji": "+1", "op": "add"}},
        also=(409,),
    ),
)
_CONTRIBUTOR: Final = (_path("user_id", CONTRIBUTOR_ID, "The contributor."),)
_NAMED: Final = (
    _path("auth_method", "local", "How they signed in."),
    _path("username", USERNAME, "What the client calls them."),
)
_LISTED: Final = (
    query("max_count", "How many at most; 100 unless said.", _count(10_000)),
    query("search_text", "Whose name contains this."),
    query("auth_method", "Who signed in like this.", _AUTH),
    query("api_client_id", "Of a client; for trusted clients."),
)
_NAME_PLACES: Final = (
    query("after", "Go on after this place: `next` of a page, or a name.", TEXT),
    query("before", "Go back from this place: `prev` of a page, or a name.", TEXT),
    query(
        "sort_key",
        "What to order by.",
        {"type": "string", "enum": ["username", "display_name"]},
    ),
    query("desc", "The last first.", SWITCH),
)
_USERS: Final = (
    tree_operation(
        "check_tree_sign_in",
        "get",
        "auth/check",
        "Who is signed in",
        str,
        description="The name of whoever is signed in to the console with the cookie of this "
        "request. A key is no person: without a cookie the answer is 401.",
    ),
    *(
        tree_operation(
            f"tree_contributors_by_{by}",
            "get",
            f"users/by_{by}",
            "Contributors by name",
            list[TreeContributor],
            parameters=(*_LISTED, query("gt", "Go on after this name.")),
        )
        for by in ("username", "display_name")
    ),
    tree_operation(
        "page_tree_contributors",
        "get",
        "users/cursor",
        "Contributors in pages",
        ContributorPage,
        parameters=(*_LISTED, *_NAME_PLACES),
    ),
    *(
        operation
        for name, where, parameters in (
            ("tree_contributor", "users/{user_id}", _CONTRIBUTOR),
            ("clients_tree_contributor", "frontend_users/{auth_method}/{username}", _NAMED),
        )
        for operation in (
            tree_operation(
                name, "get", where, "A contributor", TreeContributor, parameters=parameters
            ),
            tree_operation(
                f"messages_of_{name}",
                "get",
                f"{where}/messages",
                "Messages of a contributor",
                list[TreeMessage],
                parameters=(*parameters, *_OWN_FILTERS, *_SPAN),
            ),
            tree_operation(
                f"page_messages_of_{name}",
                "get",
                f"{where}/messages/cursor",
                "Messages of a contributor, in pages",
                MessagePage,
                parameters=(*parameters, *_OWN_FILTERS, *_CURSOR),
            ),
        )
    ),
    tree_operation(
        "keep_tree_contributor",
        "post",
        "frontend_users/",
        "Keep a contributor's profile",
        TreeContributor,
        description="Whoever signs in at the client is sent here. `enabled` changes nothing: no "
        "profile lifts a ban.",
        request=Profile,
        requests={"ann": _ANN | {"tos_acceptance": True}},
    ),
)
OPERATIONS: Final = (*_TASKS, *_LABELS, *_MESSAGES, *_USERS)
