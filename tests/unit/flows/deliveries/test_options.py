"""What [deliveries] may say in sources.toml, and how it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from flow_platform.flows.deliveries.options import DeliveriesSource
from flow_platform.sources.config import read_sources
from tests.unit.refusals import assert_sources_refused, sources_file


def written(folder: Path, text: str) -> Path:
    return sources_file(folder, f"[deliveries]\n{text}")


def test_deliveries_keep_their_own_keys_and_defaults_for_those_left_out(tmp_path: Path) -> None:
    config = read_sources(
        written(
            tmp_path,
            'kind = "kafka"\nregions = ["SP", "RJ"]\nbrokers = "a:9092,[::1]:9093"\n'
            'country = "BR"\ntime_zone = "America/Sao_Paulo"\ncost_late = 25\n'
            'topic_prefix = "shop."\n',
        )
    ).of(DeliveriesSource)
    assert config.regions == ["SP", "RJ"]
    assert config.cost_late == 25.0
    assert isinstance(config.cost_late, float)
    assert config.cost_call == 1.0
    assert config.group == "flow-platform"
    assert config.topic_prefix == "shop."


def test_a_folder_and_renamed_columns_are_taken(tmp_path: Path) -> None:
    config = read_sources(
        written(
            tmp_path,
            'kind = "files"\npath = "shop"\ncolumns = {order_id = "no", placed_at = "t"}\n',
        )
    )["deliveries"]
    assert config.path == str(tmp_path / "shop")
    assert config.columns == {"order_id": "no", "placed_at": "t"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "mqtt"', "unknown kind 'mqtt'. Allowed: simulated, files, kafka"),
        ('kind = "files"', "needs path, the folder of its tables"),
        ('kind = "kafka"\ntopic = "x"', "unknown key 'topic' (allowed: kind"),
        ('kind = "kafka"\nregions = "SP"', 'Write a list of region ids, such as ["SP", "RJ"]'),
        ('kind = "kafka"\nregions = []', "Write a list of region ids"),
        ('kind = "kafka"\nregions = [1]', "Write a list of region ids"),
        ('kind = "kafka"\nregions = ["a|b"]', "Write region ids that can be partition keys"),
        ('kind = "kafka"\nregions = ["SP", "SP"]', "Write each region once"),
        ('kind = "kafka"\ntime_zone = "Sao Paulo"', "Write an IANA time zone"),
        ('kind = "kafka"\ncountry = "Brazil"', "Write the ISO 3166 code"),
        ('kind = "kafka"\nbrokers = "localhost"', "Write host:port"),
        ('kind = "kafka"\nbrokers = "a:1,b:x"', "Write host:port"),
        ('kind = "kafka"\nbrokers = 9092', "Write a text that is not empty"),
        ('kind = "kafka"\ngroup = " "', "Write a text that is not empty"),
        ('kind = "kafka"\ntopic_prefix = "a/b"', "Write letters, digits, dots"),
        ('kind = "kafka"\nclient = "x"', "Write librdkafka's keys"),
        ('kind = "kafka"\ncost_late = 0', "cost_late is 0. Write a number above 0"),
        ('kind = "kafka"\ncost_call = true', "cost_call is True. Write a number above 0"),
        ('kind = "kafka"\ncost_late = nan', "cost_late is nan. Write a number above 0"),
        ('kind = "kafka"\ncost_call = 10', "Write a cost_call that is less than cost_late"),
        (
            'kind = "files"\npath = "x"\ncolumns = {order = "o"}',
            "columns maps order, which deliveries do not have",
        ),
    ],
)
def test_a_fault_in_its_section_says_what_is_allowed(
    tmp_path: Path, text: str, message: str
) -> None:
    assert_sources_refused(tmp_path, f"[deliveries]\n{text}", message)
