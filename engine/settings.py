"""Settings, read once from the environment into one frozen object; every fault is told at once."""

from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from engine.errors import SettingsError

PREFIX = "TRADING_ENGINE_"


class Settings(BaseSettings):
    """What is decided before the start. `DATABASE_URL` and `REDIS_URL` have no prefix, everything else has."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True
    )

    database_url: SecretStr | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="postgres://… for a ledger on PostgreSQL; SQLite without.",
    )
    redis_url: SecretStr | None = Field(
        None,
        validation_alias="REDIS_URL",
        description="redis://… or unix://… to carry live news between processes.",
    )
    data_dir: Path = Field(Path("var"), description="Ledger, lock and key file; made with mode 0700.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    durability: Literal["FULL", "NORMAL"] = Field(
        "FULL", description="SQLite's synchronous mode. NORMAL may lose the last commits at a power cut."
    )
    currency: str = Field("USD", pattern="^[A-Z]{3}$", description="The one currency of the ledger.")
    starting_cash: Decimal = Field(
        Decimal(100_000), gt=0, le=10**10, description="Cash of a new user's paper account."
    )
    short_selling: bool = Field(False, description="Whether orders may sell more than is held.")
    commission_per_share: Decimal = Field(
        Decimal("0.005"), ge=0, le=100, description="Paper venue's commission."
    )
    commission_minimum: Decimal = Field(
        Decimal(1), ge=0, le=10_000, description="Least commission of an order."
    )
    max_participation: Decimal = Field(
        Decimal("0.1"), gt=0, le=1, description="Share of a bar's volume that paper orders may fill."
    )
    replay: Path | None = Field(None, description="CSV file of prices to replay; the shipped ones without.")
    instruments: Path | None = Field(None, description="CSV file of instruments; beside the prices without.")
    speed: float = Field(2.0, ge=0.001, le=1000, description="Market times replayed per second.")
    demo: bool = Field(True, description="Deploy the demonstration strategy on an empty ledger.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level logged.")
    log_format: Literal["auto", "console", "json"] = Field("auto", description="auto: console on a terminal.")
    session_hours: float = Field(12, gt=0, le=720, description="How long a browser stays signed in.")
    allowed_origins: str = Field(
        "", description="Other origins whose pages may connect, separated by commas."
    )
    metrics_public: bool = Field(False, description="Serve /metrics without a token.")
    production: bool = Field(
        False,
        description="Off by default: GraphiQL, introspection, field suggestions; each can be set apart.",
    )
    graphiql: bool | None = Field(None, description="Serve GraphiQL; unless production, if not set.")
    introspection: bool | None = Field(
        None, description="Answer introspection; unless production, if not set."
    )
    suggestions: bool | None = Field(
        None, description="Name similar fields in errors; unless production, if not set."
    )
    max_body_bytes: int = Field(
        256 * 1024, ge=1024, le=16 * 1024**2, description="Longest body of a request, in bytes."
    )
    max_frame_bytes: int = Field(
        64 * 1024, ge=1024, le=16 * 1024**2, description="Longest message of a WebSocket client, in bytes."
    )
    query_timeout_s: float = Field(
        10.0, ge=0.1, le=600, description="Longest time of a query, in seconds; changes are never cut short."
    )

    @property
    def origins(self) -> tuple[str, ...]:
        """Answer the other origins whose pages may connect."""
        return tuple(origin.strip() for origin in self.allowed_origins.split(",") if origin.strip())

    def serves(self, feature: Literal["graphiql", "introspection", "suggestions"]) -> bool:
        """Tell whether something that helps those who develop is on."""
        chosen: bool | None = getattr(self, feature)
        return not self.production if chosen is None else chosen

    @property
    def is_postgres(self) -> bool:
        """Tell whether the ledger is on PostgreSQL."""
        return self.database_url is not None


def read_settings(**given: object) -> Settings:
    """Read the environment; `given` (from the command line) goes first.

    Raises SettingsError that names every unusable setting and its rule, never its value.
    """
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        faults = [f"{_name(fault['loc'])}: {fault['msg']}" for fault in error.errors(include_input=False)]
        raise SettingsError("; ".join(faults)) from None
    if settings.database_url is not None:
        scheme = settings.database_url.get_secret_value().partition("://")[0]
        if scheme not in ("postgres", "postgresql"):
            raise SettingsError("DATABASE_URL: must begin with postgres://")
    return settings


def _name(location: tuple[int | str, ...]) -> str:
    field = str(location[0])
    return field if field.isupper() else f"{PREFIX}{field.upper()}"
