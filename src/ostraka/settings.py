"""Every setting, typed, from environment, file and defaults; read once, frozen.

In order of precedence: command-line options, `OSTRAKA_…` environment variables, `ostraka.toml` in
the working folder (or the file that `OSTRAKA_CONFIG` names), defaults.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ostraka.errors import SettingsError
from ostraka.taxonomy import Category

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
EEA = (
    *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"),
    *("IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"),
)
"""The countries of the European Economic Area."""


class Images(StrEnum):
    """What to do with images while no stage can see them."""

    REJECT = "reject"
    IGNORE = "ignore"


class Engine(StrEnum):
    """Where the processes of training jobs run."""

    LOCAL = "local"
    RAY = "ray"


class Tracking(StrEnum):
    """Where training jobs can be reported to."""

    WANDB = "wandb"
    TENSORBOARD = "tensorboard"
    MLFLOW = "mlflow"


class RecordSettings(BaseSettings):
    """The settings of webhooks and statements of reasons."""

    webhook_private_addresses: bool = Field(
        False,
        description="Let webhooks go to private, loopback and link-local addresses and over plain "
        "HTTP: for receivers in your own network.",
    )
    webhook_seconds: float = Field(
        15.0, gt=0.0, le=120.0, description="Longest time for one attempt to deliver a webhook."
    )
    webhook_pauses: list[Annotated[float, Field(gt=0.0)]] = Field(
        default_factory=lambda: [5.0, 300.0, 1800.0, 7200.0, 18e3, 36e3, 50.4e3, 72e3, 86.4e3],
        min_length=1,
        max_length=50,
        description="Seconds between the attempts to deliver a webhook; a delivery is dead when "
        "they are used up.",
    )
    webhook_disable_days: float = Field(
        5.0, gt=0.0, description="Days of nothing but failures after which a webhook is disabled."
    )
    webhook_slots: int = Field(
        8, ge=1, le=256, description="Webhooks that one worker sends at the same time."
    )
    statement_terms_url: str = Field(
        "", description="Address of your terms, named in every statement of reasons."
    )
    statement_appeal: str = Field(
        "",
        description="How an author appeals, as a sentence in every statement of reasons; empty "
        "means by answering to it.",
    )
    statement_countries: list[Annotated[str, Field(pattern="^[A-Z]{2}$")]] = Field(
        default_factory=lambda: list(EEA),
        min_length=1,
        description="Countries in which decisions take effect, in statements of reasons; all of "
        "the European Economic Area unless set.",
    )


class ShadowSettings(BaseSettings):
    """The settings of what is tried without acting."""

    shadow_model: str = Field(
        "",
        description="A model that is tried on live traffic without acting: the name of a served "
        "one, or the id or folder of a fine-tuned one; empty for none.",
    )
    shadow_share: Probability = Field(
        0.1, description="The share of items that `shadow_model` looks at."
    )
    shadow_minimum: int = Field(
        1000,
        ge=1,
        description="Items that a policy or model must have seen in shadow before it may act.",
    )


class TreeSettings(BaseSettings):
    """The settings of conversation trees; how they grow is a document of its own."""

    trees_configuration: Path | None = Field(
        None,
        description="TOML document that says how conversation trees grow; the defaults unless set.",
    )
    trees_rate_limits: bool = Field(
        True,
        description="Hold contributors to 30 requests for a task in four minutes, and clients to "
        "10,000 in one.",
    )
    trees_terms_required: bool = Field(
        False,
        description="Let only contributors take tasks whose client said that they accepted the "
        "terms.",
    )


class EnvironmentSettings(BaseSettings):
    """The settings of the moderation queue as an environment for agents."""

    environment_path: str = Field(
        "",
        pattern=r"^(/env[a-z0-9_-]*(/[a-z0-9_-]+)*)?$",
        description="Path below which `ostraka serve` serves the environment, beginning with "
        "`/env`, such as `/env/moderation`; empty means not at all.",
    )
    environment_secret: SecretStr = Field(
        SecretStr(""),
        description="Makes this server's episodes others than anybody can generate at home.",
    )


class Settings(RecordSettings, ShadowSettings, TreeSettings, EnvironmentSettings):
    """Every setting of the service. Field descriptions are the settings table of the docs."""

    model_config = SettingsConfigDict(
        env_prefix="OSTRAKA_", env_ignore_empty=True, frozen=True, extra="forbid"
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    data_dir: Path = Field(
        Path(".ostraka"), description="Folder for the database and everything that is kept."
    )
    database_url: str = Field(
        "", description="SQLAlchemy address; empty means SQLite in the data folder."
    )
    object_store: str = Field(
        "",
        description="Folder or fsspec address (`s3://BUCKET/FOLDER`) for files and models; "
        "empty means `objects` in the data folder.",
    )
    model_folder: Path | None = Field(
        None, description="Folder of a classifier to serve instead of the bundled one."
    )
    thresholds: dict[str, Probability] = Field(
        default_factory=dict,
        description="Probability from which a category is flagged, by category; "
        "others keep the model's own.",
        examples=["hate = 0.9"],
    )
    images: Images = Field(
        Images.REJECT,
        description="`reject` answers images with 400; `ignore` judges the text beside them.",
    )
    keys_required: bool = Field(
        False,
        description="Ask for an API key on loopback even before one was made; beyond loopback, "
        "and once a key was made, one is always asked for.",
    )
    public_url: str = Field(
        "",
        description="Address under which people reach the console, such as "
        "`https://moderation.example.org`; empty means the one that they asked for.",
    )
    session_days: float = Field(
        14.0, gt=0.0, description="Days after which somebody must sign in again, however busy."
    )
    session_idle_hours: float = Field(
        12.0, gt=0.0, description="Hours without a request after which a sign-in ends."
    )
    sign_in_link_hours: float = Field(
        24.0, gt=0.0, description="Hours for which a sign-in link works."
    )
    sign_in_attempts: int = Field(
        10,
        ge=1,
        description="Failed sign-ins in ten minutes, by name and address, before one has to wait; "
        "from one address in all, five times as many.",
    )
    oidc_issuer: str = Field(
        "",
        description="Address of an OpenID Connect provider that people sign in with (extra "
        "`oidc`); empty for none.",
    )
    oidc_client_id: str = Field("", description="The provider's name for this server.")
    oidc_client_secret: SecretStr = Field(
        SecretStr(""), description="The provider's secret; best set in the environment."
    )
    oidc_label: str = Field(
        "single sign-on", description="What the button calls the provider: “Sign in with …”."
    )
    oidc_scopes: str = Field(
        "openid email", description="What the provider is asked for; `openid` is a must."
    )
    oidc_role: Literal[
        "", "contributor", "reviewer", "lead", "policy_owner", "ml_engineer", "admin"
    ] = Field(
        "",
        description="Role of people whom only the provider knows; empty means that an admin must "
        "have added them, under their e-mail address.",
    )
    max_body_bytes: int = Field(10 * 2**20, ge=1024, description="Largest request body, in bytes.")
    max_items: int = Field(1024, ge=1, description="Most texts in one call.")
    max_text_characters: int = Field(
        100_000, ge=1, description="Longest text, in characters; longer ones are an error."
    )
    max_pending_texts: int = Field(
        4096, ge=1, description="Most texts waiting for the encoder before calls get 429."
    )
    max_running_requests: int = Field(
        512, ge=1, description="Most requests worked on at once before further ones get 503."
    )
    request_seconds: float = Field(
        60.0, gt=0.0, description="Longest time for one request, from its headers to its answer."
    )
    transfer_seconds: float = Field(
        3600.0, gt=0.0, description="Longest time for the upload or download of a file."
    )
    max_file_bytes: int = Field(
        512 * 2**20, ge=1024, description="Largest uploaded file, in bytes."
    )
    workers: int = Field(
        1,
        ge=0,
        le=64,
        description="Worker processes that `ostraka serve` starts and keeps alive; 0 leaves all "
        "work to `ostraka worker`.",
    )
    parallel_jobs: int = Field(
        1, ge=1, description="Training jobs that one worker runs at the same time."
    )
    lease_seconds: float = Field(
        15.0,
        ge=1.0,
        description="Seconds after which the work of a worker that has died is taken up again.",
    )
    job_seconds: float = Field(
        86_400.0, gt=0.0, description="Longest time for a training job before it fails."
    )
    job_disk_bytes: int = Field(
        20 * 2**30, ge=2**20, description="Most bytes that a training job may have on disk."
    )
    training_threads: int = Field(1, ge=1, description="Threads of a training job.")
    training_launcher: list[str] = Field(
        default_factory=list,
        description="Program before the process of an encoder's training, such as "
        '`["accelerate", "launch"]` for several GPUs; empty for none.',
    )
    base_model_folders: bool = Field(
        False, description="Let callers of the API name folders of the server as base models."
    )
    tracking: list[Tracking] = Field(
        default_factory=list,
        description="Where every training job is reported to: `wandb`, `tensorboard`, `mlflow` "
        "(extras of these names).",
    )
    tracking_project: str = Field(
        "ostraka",
        min_length=1,
        description="Weights & Biases project and MLflow experiment, where a job names none.",
    )
    tracking_folder: Path | None = Field(
        None,
        description="Folder for the files of trackers; empty means `tracking` in the data folder.",
    )
    mlflow_tracking_uri: str = Field(
        "",
        description="Address of MLflow; empty means `MLFLOW_TRACKING_URI`, else a database in the "
        "trackers' folder.",
    )
    engine: Engine = Field(
        Engine.LOCAL,
        description="`local` trains on the worker's machine, `ray` on a Ray cluster (extra `ray`).",
    )
    ray_address: str = Field(
        "",
        description="Address of the Ray cluster, such as `ray-head:6379`; empty starts one of this "
        "machine alone.",
    )
    ray_gpus: float = Field(0.0, ge=0.0, description="GPUs that a training job asks Ray for.")
    loaded_models: int = Field(
        4, ge=1, description="Fine-tuned models that a server keeps in memory."
    )
    fine_tuned_model: str = Field(
        "",
        description="Id or folder of a fine-tuned model whose labels replace those of the same "
        "meaning in the last stage; empty for none.",
    )
    encoder_threads: int = Field(1, ge=1, description="Threads of the encoder stage.")
    encoder_batch: int = Field(
        32, ge=1, description="Most texts that the encoder takes from the queue at a time."
    )
    requests_per_minute: int = Field(
        0,
        ge=0,
        description="Requests per minute and key (or address) in each process; 0 means no limit.",
    )
    default_language: str = Field(
        "en", description="Language assumed where none is requested and none is detected."
    )
    review_lease_seconds: float = Field(
        600.0, ge=10.0, le=86400.0, description="How long a claimed case is kept without a beat."
    )
    judge_url: str = Field(
        "",
        description="OpenAI-compatible server of the LLM judge, with `/v1`; empty means no judge.",
    )
    judge_model: str = Field(
        "", description="The judge's model; empty means the first that its server lists."
    )
    judge_api_key: SecretStr = Field(
        SecretStr(""), description="Key for the judge's server; best set in the environment."
    )
    judge_preset: Literal["schema", "shieldstral", "llama-guard", "gpt-oss-safeguard"] = Field(
        "schema",
        description="How the judge is asked: `schema` asks any model about all categories in one "
        "call; `shieldstral`, `llama-guard` and `gpt-oss-safeguard` ask once for each.",
    )
    judge_policy: Path | None = Field(
        None, description="Policy file of the judge, in TOML; see the page on the judge."
    )
    judge_calibration: Path | None = Field(
        None,
        description="File of `ostraka judge calibrate` that sets the judge's probabilities right.",
    )
    judge_labels: Path | None = Field(
        None,
        description="Label document of rewards, in TOML; the seven labels unless given.",
    )
    judge_in_cascade: bool = Field(
        True, description="Ask the judge about what the classifier is unsure of."
    )
    judge_unsure: Literal["error", "keep"] = Field(
        "error",
        description="What becomes of texts in the cascade that the judge gives no sure answer to: "
        "`error` answers 502, 503 or 429; `keep` gives the classifier's scores, marked unsure.",
    )
    judge_max_in_flight: int = Field(
        256, ge=1, description="Most requests to the judge at a time; fewer are found out."
    )
    judge_seconds: float = Field(
        30.0, gt=0.0, description="Longest time for one question to the judge, with all attempts."
    )
    judge_stream: bool = Field(
        False,
        description="Take the judge's answers token by token: a server that falls silent in "
        "mid-answer is noticed early. Worth it for models that reason at length.",
    )
    judge_idle_seconds: float = Field(
        10.0, gt=0.0, description="Longest silence in the middle of a streamed answer."
    )
    judge_max_tokens: int = Field(1024, ge=16, description="Longest answer of the judge.")
    judge_extra: dict[str, Any] = Field(
        default_factory=dict,
        description="More of each request's body, as the judge's server takes it (vLLM's options).",
        examples=["top_k = 1"],
    )
    judge_prices: dict[str, dict[Literal["prompt", "completion"], float]] = Field(
        default_factory=dict,
        description="What a million tokens cost, by model: `prompt` and `completion`.",
        examples=["qwen3-8b = { prompt = 0.1, completion = 0.4 }"],
    )
    judge_cache: bool = Field(
        True,
        description="Keep the judge's answers in the data folder; never the texts themselves.",
    )
    log_content: bool = Field(
        False, description="Write the texts of requests to the log. Off: nothing sent is logged."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="`debug`, `info`, `warning` or `error`."
    )
    shutdown_seconds: float = Field(
        10.0, ge=0.0, description="Time that running requests get when the server stops."
    )

    @field_validator("thresholds")
    @classmethod
    def _known_categories(cls, value: dict[str, float]) -> dict[str, float]:
        for name in value:
            if name not in set(Category):
                raise ValueError(f"unknown category '{name}'; one of {', '.join(Category)}")
        return value

    @property
    def resolved_database_url(self) -> str:
        """The database's address, SQLite in the data folder unless one is set."""
        return self.database_url or f"sqlite:///{self.data_dir / 'ostraka.db'}"

    @property
    def resolved_object_store(self) -> str:
        """Where files and models are kept, a folder in the data folder unless one is set."""
        return self.object_store or str(self.data_dir / "objects")

    @property
    def environment_file(self) -> Path:
        """Where sessions of the environment are kept, so that they outlive the server."""
        return self.data_dir / "environment.db"

    @property
    def resolved_tracking_folder(self) -> Path:
        """Where trackers keep files, a folder in the data folder unless one is set."""
        return self.tracking_folder or self.data_dir / "tracking"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options, then environment, then the TOML file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, settings_file())


def settings_file() -> Path:
    """The settings file: the one that `OSTRAKA_CONFIG` names, or `ostraka.toml` right here."""
    return Path(os.environ.get("OSTRAKA_CONFIG") or "ostraka.toml")


def load_settings(**options: object) -> Settings:
    """The settings, with command-line `options` (None means not given) on top.

    Raises:
        SettingsError: a value that cannot be; names the setting and what would be valid.
    """
    if os.environ.get("OSTRAKA_CONFIG") and not settings_file().is_file():
        raise SettingsError(f"OSTRAKA_CONFIG names '{settings_file()}', which is no file")
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"setting '{where}': {first['msg']}") from error
    except ValueError as error:
        raise SettingsError(f"settings file: {error}") from error
