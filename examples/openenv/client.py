"""A client for Python: OpenEnv's own, which needs no types of ours.

with ModerationQueue(base_url="http://127.0.0.1:7860").sync() as queue:
    result = queue.reset(task_id="task_hard", seed=42)
    while not result.done:
        result = queue.step({"action_type": "escalate", "violation_type": "none"})
"""

from openenv.core.generic_client import GenericEnvClient as ModerationQueue

__all__ = ["ModerationQueue"]
