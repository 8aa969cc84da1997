"""Contracts: what an order looks like on its way from service to service, version by version.

Idea      A contract is what both ends of a call must agree on: names, types, units. In code it is
          `order.amount` in every version; only the name on the wire differs. So a service speaks
          another version when it is started with another contract, and in no other way: that
          is a deployment.
Unknown   fields are kept, and passed on: who reads an order is not always who needs the whole of it.
          A service may also be started with a contract of its own, that has only what it reads.
Not here  Who tells whom that a version ends (lesson 16). Reading two versions at once.
Source    M. Fowler, "TolerantReader", 2011; pydantic documentation, "Alias".
"""

from typing import Any, Self

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Contract(BaseModel):
    """What a reader needs to find in a body."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @classmethod
    def read(cls, body: dict[str, Any]) -> Self:
        """The body, as this contract has it. Raises HTTPException 422, naming each field that is wrong."""
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            raise HTTPException(422, f"this is no {cls.__name__}: {'; '.join(wrong)}") from error

    def wire(self) -> dict[str, Any]:
        """What is sent: the names of this version, and all that was read without being understood."""
        return self.model_dump(by_alias=True)


class OrderV1(Contract):
    """`order` is its number, `amount` its price in whole cents."""

    order: int = Field(strict=True, ge=1)
    customer: str
    item: str
    quantity: int = Field(default=1, strict=True, ge=1)
    amount: int = Field(strict=True, ge=1)


class OrderV2(OrderV1):
    """`amount` says its unit now. For everybody who reads it: a field is gone, and there is a new one."""

    amount: int = Field(alias="amount_cents", strict=True, ge=1)
