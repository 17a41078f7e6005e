"""The columns of invoice lines: as files of a web shop name them, and as `raw` holds them."""

from __future__ import annotations

from collections.abc import Mapping

from flow_platform.flows.retail.options import RetailSource
from flow_platform.sources.layouts import Layouts

# The two headers under which Online Retail II circulates (UCI machine learning repository, 502).
_HEADERS: tuple[dict[str, str], ...] = (
    {
        "invoice": "Invoice",
        "stock_code": "StockCode",
        "description": "Description",
        "quantity": "Quantity",
        "sold_at": "InvoiceDate",
        "price": "Price",
        "customer": "Customer ID",
        "country": "Country",
    },
    {
        "invoice": "InvoiceNo",
        "stock_code": "StockCode",
        "description": "Description",
        "quantity": "Quantity",
        "sold_at": "InvoiceDate",
        "price": "UnitPrice",
        "customer": "CustomerID",
        "country": "Country",
    },
)
# Without these a file is not one of lines; the others are read where a file has them.
_REQUIRED = ("invoice", "stock_code", "quantity", "sold_at", "price", "customer", "country")

ROW_COLUMNS = (
    "centre_id",
    "day",
    "invoice",
    "stock_code",
    "description",
    "quantity",
    "price",
    "sold_at",
    "customer",
    "has_customer",
    "occurrence",
    "line_class",
    "available_at",
    "source_file",
    "source_line",
)


def is_online_retail(header: Mapping[str, str]) -> bool:
    """Whether the columns of a file have the names of Online Retail II."""
    return any(all(header.get(name) == one[name] for name in _REQUIRED) for one in _HEADERS)


def retail_layouts(config: RetailSource) -> Layouts:
    """Our names of columns to the source's, in each way its files may call them."""
    headers = (config.columns,) if config.columns else _HEADERS
    return Layouts(headers, _REQUIRED, numbers=("quantity", "price"), counts=("quantity",))
