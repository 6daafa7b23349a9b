"""What an admin may set about workers and queues, and what is refused at the start."""

from datetime import timedelta

import pytest
from traitlets import TraitError
from traitlets.config import Config

from abaco_server.app import AbacoApp
from abaco_server.settings import settings_of


def app(**values: object) -> AbacoApp:
    return AbacoApp(config=Config({"AbacoApp": values}))


def test_values_arrive() -> None:
    settings = settings_of(
        app(
            queues=["default", "special", "gpu"],
            queue_capacity={"gpu": 1},
            worker_ttl_seconds=-1,
            sync_idle_seconds=5,
            autoscaler_seconds=0.5,
            health_check_seconds=7,
            max_cmd_length=3,
        )
    )
    assert settings.queues == ("default", "special", "gpu")
    assert settings.queue_capacity == {"gpu": 1}
    assert settings.worker_ttl is None
    assert settings.sync_idle == timedelta(seconds=5)
    assert settings.autoscaler == timedelta(seconds=0.5)
    assert settings.health_check == timedelta(seconds=7)
    assert settings.max_cmd_length == 3
    assert settings_of(app()).worker_ttl == timedelta(hours=24)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"queues": ["special"]}, "it must name 'default'"),
        ({"queue_capacity": {"gpu": 1}}, "names ['gpu'], which AbacoApp.queues does not"),
        ({"queue_capacity": {"special": 0}}, "0"),
        ({"autoscaler_seconds": 0}, "0.1"),
        ({"health_check_seconds": -1}, "0.1"),
        ({"max_cmd_length": 0}, "max_cmd_length"),
    ],
)
def test_values_that_make_no_sense(values: dict[str, object], text: str) -> None:
    with pytest.raises((TraitError, ValueError)) as error:
        app(**values)
    assert text in str(error.value)
