"""What a store writes down: small JSON documents, each published whole by one atomic rename."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from taskvec.errors import StoreError

STORE_VERSION: Literal[1] = 1
"""The layout that this version reads and writes."""


class Document(BaseModel):
    """A document of a store; it is never changed, and a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)  # a command reads few of the kinds


class FileState(Document):
    """A file as it was when its content was hashed.

    Attributes:
        path: Absolute, or relative to the store for what the store holds itself.
        size: Bytes.
        mtime_ns: Time of the last change of content, in nanoseconds.
        ctime_ns: Time of the last change of anything, which no user can set back.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int


class SourceDocument(Document):
    """A checkpoint that was hashed.

    Attributes:
        ref: As the user named it.
        path: Where it is: absolute, or relative to the store for a copy.
        fingerprint: Identity by content.
        digests: Tensor → digest.
        num_params: Elements of all tensors.
        nbytes: Bytes of all tensors.
        files: State of every file that matters.
        renames: Under which other names its tensors are taken, as ``OLD=NEW``; digests are under the new ones.
    """

    ref: str
    path: str
    fingerprint: str
    digests: dict[str, str]
    num_params: int
    nbytes: int
    files: tuple[FileState, ...]
    renames: tuple[str, ...] = ()


class TaskDocument(Document):
    """A task vector that a basis was made from."""

    name: str
    fingerprint: str
    nbytes: int


class StoreDocument(Document):
    """The store itself: its version and its base."""

    format: Literal["taskvec store"] = "taskvec store"
    version: Literal[1] = STORE_VERSION
    base: SourceDocument


AnyDocument = TypeVar("AnyDocument", bound=BaseModel)


def load_document(kind: type[AnyDocument], path: Path) -> AnyDocument:
    """Read a document of a store.

    Args:
        kind: What it is.
        path: Where it is.

    Returns:
        The document.

    Raises:
        StoreError: If it cannot be read or does not say what such a document says.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise StoreError(f"{path}: is damaged or of another version: {where}: {first['msg']}") from error


def document_data(document: BaseModel) -> dict[str, Any]:
    """Return a document as plain data, ready to be written."""
    return document.model_dump(mode="json")
