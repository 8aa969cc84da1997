from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Line(_message.Message):
    __slots__ = ("order", "item", "quantity")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    order: int
    item: str
    quantity: int
    def __init__(self, order: _Optional[int] = ..., item: _Optional[str] = ..., quantity: _Optional[int] = ...) -> None: ...

class Reserved(_message.Message):
    __slots__ = ("order", "left")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    order: int
    left: int
    def __init__(self, order: _Optional[int] = ..., left: _Optional[int] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("order", "left", "refused")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    order: int
    left: int
    refused: str
    def __init__(self, order: _Optional[int] = ..., left: _Optional[int] = ..., refused: _Optional[str] = ...) -> None: ...
