"""Erased persons, known by tokens alone, and whether a text concerns one of them.

Used where messages and files are stored and where persons are erased. Which rows are a person's and
how they are removed is in `privacy/`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flow_platform.sources.pseudonyms import Pseudonyms

KINDS = ("customer", "order", "words", "name", "order_words")
# A shorter id, or one of digits alone, can be many other things in a text.
_DISTINCTIVE_LENGTH = 6

Token = tuple[str, str]  # its kind, and what ops.erased and the ledger keep


@dataclass(frozen=True)
class NamedIds:
    """The ids of customers and orders that a text names by its keys, if it is a JSON object."""

    customers: frozenset[str] = frozenset()
    orders: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Erased:
    """The tokens of erased persons. Nothing here can be turned back into an id or a name."""

    tokens: frozenset[Token] = frozenset()
    _groups: dict[str, list[frozenset[str]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        groups: dict[str, list[frozenset[str]]] = {kind: [] for kind in KINDS}
        for kind, token in self.tokens:
            groups[kind].append(frozenset(token.split()))
        object.__setattr__(self, "_groups", groups)

    def __bool__(self) -> bool:
        return bool(self.tokens)

    def has_customer(self, pseudonym: str, pseudonyms: Pseudonyms) -> bool:
        return ("customer", pseudonyms.erased_customer(pseudonym)) in self.tokens

    def has_order(self, order_id: str, pseudonyms: Pseudonyms) -> bool:
        return ("order", pseudonyms.erased_order(order_id)) in self.tokens

    def occur_in(self, text: str, pseudonyms: Pseudonyms) -> bool:
        """Whether a text that could not be stored, or a note of the desk, concerns one of them.

        It does if it names the customer or an order by its key, or holds the id or the e-mail
        address as a word. A name is found by all of its words, unless the text names another
        customer, who then has the same name; the id of an order counts as a word unless the text
        names another order.
        """
        named = ids_named_in(text)
        if any(self.has_customer(pseudonyms.customer(one), pseudonyms) for one in named.customers):
            return True
        if any(self.has_order(one, pseudonyms) for one in named.orders):
            return True
        words = frozenset(pseudonyms.words(text))
        return (
            self._holds("words", words)
            or (not named.customers and self._holds("name", words))
            or (not named.orders and self._holds("order_words", words))
        )

    def with_orders(self, orders: Iterable[str], pseudonyms: Pseudonyms) -> Erased:
        """The same persons with these orders too."""
        added = [token for one in orders for token in _order_tokens(one, pseudonyms)]
        return Erased(self.tokens | frozenset(added))

    def _holds(self, kind: str, words: frozenset[str]) -> bool:
        return any(group <= words for group in self._groups[kind])


def erased_person(
    pseudonyms: Pseudonyms, customer_id: str, emails: Iterable[str], names: Iterable[str]
) -> Erased:
    """The tokens of one person; `with_orders` adds the orders."""
    tokens = {("customer", pseudonyms.erased_customer(pseudonyms.customer(customer_id)))}
    texts = [("words", email) for email in emails] + [("name", name) for name in names]
    if is_distinctive(customer_id):
        texts.append(("words", customer_id))
    tokens |= {(kind, group) for kind, text in texts if (group := _group(text, pseudonyms))}
    return Erased(frozenset(tokens))


def is_distinctive(identifier: str) -> bool:
    """Whether an id that occurs as a word in a text can only be that id."""
    bare = identifier.strip()
    has_both = any(map(str.isalpha, bare)) and any(map(str.isdigit, bare))
    return len(bare) >= _DISTINCTIVE_LENGTH or (has_both and len(bare) > 2)


def ids_named_in(text: str) -> NamedIds:
    """The ids in an event of orders or in a row of a marketplace's tables; none in another text."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return NamedIds()
    if not isinstance(body, dict):
        return NamedIds()
    customer = body.get("customer")
    customers = [
        customer.get("id") if isinstance(customer, dict) else customer,
        body.get("customer_id"),
        body.get("customer_unique_id"),
    ]
    return NamedIds(_ids(customers), _ids([body.get("order_id")]))


def _ids(values: Iterable[Any]) -> frozenset[str]:
    # As `flows/deliveries/events.py` reads an id: the two must agree on which texts are equal.
    texts = (
        str(one).strip()
        for one in values
        if isinstance(one, str | int) and not isinstance(one, bool)
    )
    return frozenset(one if one.isprintable() else " ".join(one.split()) for one in texts if one)


def _order_tokens(order_id: str, pseudonyms: Pseudonyms) -> list[Token]:
    tokens = [("order", pseudonyms.erased_order(order_id))]
    if is_distinctive(order_id) and (group := _group(order_id, pseudonyms)):
        tokens.append(("order_words", group))
    return tokens


def _group(text: str, pseudonyms: Pseudonyms) -> str:
    return " ".join(pseudonyms.words(text))
