"""Settings from the environment, and what is said of those that cannot be used."""

import pytest

from app.settings import BadSetting, Settings


def test_the_defaults() -> None:
    settings = Settings.from_environment({"PATH": "/bin", "DEADLINE_S": "1"})
    assert (settings.deadline_s, settings.memory_bytes, settings.output_bytes) == (5.0, 2**30, 65_536)
    assert (settings.source_bytes, settings.answer_bytes, settings.public) == (20_000, 16 * 2**20, False)
    assert settings.running >= 1
    assert settings.idle <= 8


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("TAPESCOPE_PORT", "80", "port", 80),
        ("TAPESCOPE_HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("TAPESCOPE_PUBLIC", "1", "public", True),
        ("TAPESCOPE_PUBLIC", "false", "public", False),
        ("TAPESCOPE_DEADLINE_S", "0.5", "deadline_s", 0.5),
        ("TAPESCOPE_DEADLINE_S", "3", "deadline_s", 3.0),
        ("TAPESCOPE_IDLE", " 0 ", "idle", 0),
    ],
)
def test_a_variable_overrides(variable: str, text: str, field: str, value: object) -> None:
    assert getattr(Settings.from_environment({variable: text}), field) == value


@pytest.mark.parametrize(
    ("variable", "text", "told"),
    [
        ("TAPESCOPE_PORT", "http", r"^TAPESCOPE_PORT='http' cannot be used: expected `int`, got `str`\.$"),
        ("TAPESCOPE_PORT", "70000", r"^TAPESCOPE_PORT='70000' cannot be used: expected `int` <= 65535\.$"),
        ("TAPESCOPE_DEADLINE_S", "0", r"^TAPESCOPE_DEADLINE_S='0' cannot be used: expected `float` > 0"),
        ("TAPESCOPE_DEADLINE_S", "nan", r"TAPESCOPE_DEADLINE_S='nan' cannot be used"),
        ("TAPESCOPE_DEADLINE_S", "inf", r"TAPESCOPE_DEADLINE_S='inf' cannot be used"),
        ("TAPESCOPE_RUNNING", "-1", r"^TAPESCOPE_RUNNING='-1' cannot be used"),
        ("TAPESCOPE_PUBLIC", "maybe", r"^TAPESCOPE_PUBLIC='maybe' cannot be used"),
        (
            "TAPESCOPE_DEADLINE",
            "3",
            r"^TAPESCOPE_DEADLINE is not a setting of Tapescope; did you mean TAPESCOPE_DEADLINE_S\?$",
        ),
    ],
)
def test_a_bad_value_is_told_in_one_sentence(variable: str, text: str, told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        Settings.from_environment({variable: text})


def test_a_variable_of_somebody_else_is_let_be() -> None:
    assert Settings.from_environment({"TAPESCOPE_IMAGE_TAG_FOR_CI": "x"}) == Settings()
