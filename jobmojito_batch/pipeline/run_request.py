"""What a run is asked to do, and with what."""

from dataclasses import dataclass, field

from jobmojito_batch.client import TokenSource
from jobmojito_batch.parameters import InviteParameters, ShardParameters
from jobmojito_batch.pipeline.left_out import NOTHING_LEFT_OUT, LeftOut
from jobmojito_batch.settings import Settings, load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a run is asked to do, and with what."""

    parameters: InviteParameters
    settings: Settings = field(repr=False)
    tokens: TokenSource = field(repr=False)
    series: str = ""
    """What the runs that this one is compared with have in common; empty for none."""
    left_out: LeftOut = NOTHING_LEFT_OUT

    @classmethod
    def of(cls, parameters: InviteParameters) -> "RunRequest":
        """The request of inputs that are taken as they are named. Raises SettingsError."""
        settings = settings_for(parameters)
        return cls(parameters=parameters, settings=settings, tokens=TokenSource(settings))


def settings_for(parameters: InviteParameters | ShardParameters) -> Settings:
    """This machine's settings with what the parameters override. Raises SettingsError."""
    return load_settings(
        environment=parameters.environment,
        ledger=parameters.ledger,
        base_url=parameters.base_url,
        requests_per_second=parameters.rate,
        max_in_flight=parameters.max_in_flight,
        max_credits_per_run=parameters.max_credits,
    )
