"""The section [retail] of sources.toml."""

from __future__ import annotations

from pydantic import Field

from flow_platform.ground.source_config import SourceConfig


class RetailSource(SourceConfig):
    """Where invoice lines of the web shop come from: files, or the simulator."""

    section = "retail"
    kinds = ("simulated", "files")
    required_columns = (
        "invoice",
        "stock_code",
        "quantity",
        "sold_at",
        "price",
        "customer",
        "country",
    )
    optional_columns = ("description", "available_at")
    example = """\
[retail]
kind = "files"
path = "retail/*.xlsx"
shop_country = "GB"
"""

    shop_country: str = Field(
        "GB", description="ISO 3166 code of the shop's country: its public holidays and local time."
    )
