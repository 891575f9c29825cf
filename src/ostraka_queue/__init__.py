"""The environment as a plug-in of verifiers, which looks one up by the name of a top-level module.

Needs the extra `verifiers`; what there is to configure: `ostraka.environment.verifiers_queue`.
"""

from ostraka.environment.verifiers_queue import ModerationQueueEnv, ModerationQueueTaskset

__all__ = ["ModerationQueueEnv", "ModerationQueueTaskset"]
