"""Perspective's discovery document: what Google's clients build themselves from."""

from starlette.requests import Request
from starlette.responses import Response

from ostraka.server.envelopes import json_response


async def discovery(request: Request) -> Response:
    """The document that `google-api-python-client` builds its client from."""
    root = str(request.base_url)
    post = {"httpMethod": "POST", "parameters": {}, "parameterOrder": []}
    return json_response(
        {
            "kind": "discovery#restDescription",
            "discoveryVersion": "v1",
            "id": "commentanalyzer:v1alpha1",
            "name": "commentanalyzer",
            "version": "v1alpha1",
            "title": "Perspective Comment Analyzer API",
            "protocol": "rest",
            "rootUrl": root,
            "baseUrl": root,
            "servicePath": "",
            "batchPath": "batch",
            "parameters": {
                "key": {"type": "string", "location": "query"},
                "alt": {"type": "string", "location": "query", "default": "json"},
            },
            "schemas": {
                name: {"id": name, "type": "object", "properties": {}}
                for name in (
                    "AnalyzeCommentRequest",
                    "AnalyzeCommentResponse",
                    "SuggestCommentScoreRequest",
                    "SuggestCommentScoreResponse",
                )
            },
            "resources": {
                "comments": {
                    "methods": {
                        "analyze": post
                        | {
                            "id": "commentanalyzer.comments.analyze",
                            "path": "v1alpha1/comments:analyze",
                            "flatPath": "v1alpha1/comments:analyze",
                            "request": {"$ref": "AnalyzeCommentRequest"},
                            "response": {"$ref": "AnalyzeCommentResponse"},
                        },
                        "suggestscore": post
                        | {
                            "id": "commentanalyzer.comments.suggestscore",
                            "path": "v1alpha1/comments:suggestscore",
                            "flatPath": "v1alpha1/comments:suggestscore",
                            "request": {"$ref": "SuggestCommentScoreRequest"},
                            "response": {"$ref": "SuggestCommentScoreResponse"},
                        },
                    }
                }
            },
        }
    )
