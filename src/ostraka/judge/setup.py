"""The judge as the settings want it: behind the cascade, and as a model of its own."""

from collections.abc import Sequence
from typing import Final

from ostraka.errors import DataError, SettingsError
from ostraka.judge.cache import AnswerCache
from ostraka.judge.calibration import JudgeCalibration, chosen, load_calibrations
from ostraka.judge.client import JudgeClient
from ostraka.judge.labels import LabelDocument, seven_labels
from ostraka.judge.moderation import LlmJudge
from ostraka.judge.options import ClientOptions, Price
from ostraka.judge.policy import JudgePolicy
from ostraka.judge.presets import Preset, questions_of
from ostraka.judge.referee import JudgeReferee
from ostraka.settings import Settings
from ostraka.taxonomy import Category

CACHE_FILE: Final = "judge-cache.db"
_ATTEMPTS: Final = 4


class JudgeSetup:
    """One client, one cache, and the two places where the judge is asked.

    `last` decides what the classifier is unsure of, in the classifier's categories; it is None
    where the settings do not want it. `alone` is the model `ostraka-judge`, in the policy's.
    `labels` are what turns of conversations are judged by.
    """

    def __init__(self, settings: Settings, categories: Sequence[Category]) -> None:
        self.client = client_of(settings)
        self.model = settings.judge_model
        self.labels = labels_of(settings)
        policy = policy_of(settings)
        self.alone = JudgeReferee(
            llm_judge(settings, self.client, policy), tuple(policy.categories), keep=False
        )
        self.last: JudgeReferee | None = None
        if settings.judge_in_cascade:
            shared = policy.only(categories)
            if not shared.categories:
                raise SettingsError(
                    "setting 'judge_policy': it has none of the classifier's categories; set "
                    "'judge_in_cascade' to false to use the judge as a model of its own"
                )
            self.last = JudgeReferee(
                llm_judge(settings, self.client, shared),
                tuple(categories),
                keep=settings.judge_unsure == "keep",
            )
        if settings.judge_calibration and not any(each.judge.calibration for each in self.referees):
            raise SettingsError(
                "setting 'judge_calibration': it was fitted for another prompt, policy or model; "
                "run 'ostraka judge calibrate' again"
            )

    @property
    def referees(self) -> list[JudgeReferee]:
        """Both places, or the one there is."""
        return [self.alone] if self.last is None else [self.last, self.alone]

    async def close(self) -> None:
        """Close this event loop's connections, and the cache."""
        await self.client.aclose()
        if self.client.cache is not None:
            self.client.cache.close()


def labels_of(settings: Settings) -> LabelDocument:
    """The labels of rewards that the settings name, or the seven.

    Raises:
        SettingsError: the file is none, or is wrong.
    """
    if settings.judge_labels is None:
        return seven_labels()
    try:
        return LabelDocument.load(settings.judge_labels)
    except DataError as error:
        raise SettingsError(f"setting 'judge_labels': {error.message}") from error


def policy_of(settings: Settings) -> JudgePolicy:
    """The policy that the settings name, or the general one."""
    if settings.judge_policy:
        return JudgePolicy.load(settings.judge_policy)
    return JudgePolicy.default()


def llm_judge(settings: Settings, client: JudgeClient, policy: JudgePolicy) -> LlmJudge:
    """A judge by a policy, calibrated where that was fitted for just this judge."""
    questions = questions_of(
        Preset(settings.judge_preset),
        policy,
        max_tokens=settings.judge_max_tokens,
        extra=settings.judge_extra,
    )
    found = chosen(_calibrations(settings), questions.version, settings.judge_model)
    return LlmJudge(client, questions, found)


def _calibrations(settings: Settings) -> list[JudgeCalibration]:
    if settings.judge_calibration is None:
        return []
    if not settings.judge_model:
        raise SettingsError(
            "setting 'judge_calibration': it holds for one model; name it in 'judge_model'"
        )
    return load_calibrations(settings.judge_calibration)


def client_of(settings: Settings, *, cache: AnswerCache | None = None) -> JudgeClient:
    """A client as the settings want it, with their cache unless another is given.

    Raises:
        SettingsError: no address, or one that is none.
    """
    if not settings.judge_url.startswith(("http://", "https://")):
        raise SettingsError(
            "setting 'judge_url': give the address of an OpenAI-compatible server, such as "
            "http://localhost:8005/v1"
        )
    if cache is None and settings.judge_cache:
        cache = AnswerCache(settings.data_dir / CACHE_FILE)
    return JudgeClient(
        settings.judge_url,
        model=settings.judge_model or None,
        api_key=settings.judge_api_key.get_secret_value() or None,
        cache=cache,
        options=ClientOptions(
            request_seconds=settings.judge_seconds,
            stream=settings.judge_stream,
            idle_seconds=settings.judge_idle_seconds,
            ask_seconds=settings.judge_seconds,
            attempts=_ATTEMPTS,
            max_in_flight=settings.judge_max_in_flight,
            prices={
                name: Price(each.get("prompt", 0.0), each.get("completion", 0.0))
                for name, each in settings.judge_prices.items()
            },
        ),
    )
