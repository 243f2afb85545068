"""The composition root: the only place that knows which mode uses which adapter."""

from volguard.wiring.session import (
    HISTORY_SESSIONS_MAX,
    VIX_NAME,
    Session,
    SessionRequest,
    Surroundings,
    engine_of,
    forecast_reach,
    history_of_session,
    open_session,
    paper_exchange,
    platform_text,
    started_of,
)
from volguard.wiring.sources import (
    Source,
    SourceRequest,
    data_folder_of,
    history_folder_of,
    open_recording,
    open_source,
    past_rules_of,
    rules_of,
)

__all__ = [
    "HISTORY_SESSIONS_MAX",
    "VIX_NAME",
    "Session",
    "SessionRequest",
    "Source",
    "SourceRequest",
    "Surroundings",
    "data_folder_of",
    "engine_of",
    "forecast_reach",
    "history_folder_of",
    "history_of_session",
    "open_recording",
    "open_session",
    "open_source",
    "paper_exchange",
    "past_rules_of",
    "platform_text",
    "rules_of",
    "started_of",
]
