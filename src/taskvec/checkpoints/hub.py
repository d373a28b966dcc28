"""Hub references, ``org/name[@revision]``: fetched through huggingface_hub and its cache, or seen by headers alone.

Nothing here is reached for a path that exists. With ``HF_HUB_OFFLINE`` set, the cache is all there is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

from taskvec.errors import CheckpointError, MissingExtraError

_ID = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>[\w./-]+))?")
_WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
_TORCH_WEIGHTS = ("*.bin", "*.bin.index.json")
_SIDECARS = ("*.json", "*.txt", "*.model", "*.jinja", "*.py", "LICENSE*", "NOTICE*")
_NEVER = (
    "*.fp16.*",
    "*.bf16.*",
    "*.non_ema.*",
    "*onnx*",
    "*openvino*",
    "*.tflite",
    "*.mlpackage/*",
    ".*",
    "original/*",
)

_FIRST_ANSWER_SECONDS = 10.0

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class HubId:
    """A repository and what of it is meant.

    Attributes:
        repo: ``org/name``.
        revision: A branch, tag or commit; the main branch if not given.
    """

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}" if self.revision else self.repo

    @classmethod
    def parse(cls, text: str) -> HubId | None:
        """Read a reference; None where it is none, or where its first part is a folder here and a path was meant."""
        match = _ID.fullmatch(text)
        if match is None or Path(text.partition("/")[0]).exists():
            return None
        return cls(match["repo"], match["revision"])


def public(ref: str) -> str:
    """Return a reference for everybody to read: what looks like a hub id as it is, of another path the last name."""
    return "+".join(one if _ID.fullmatch(one) else Path(one).name for one in ref.split("+"))


def fetched(hub_id: HubId) -> Path:
    """Return the folder of a repository in the cache; what is missing there is fetched, and only what is needed.

    Needed are safetensors (torch weights only where there are none), their index and the small files beside them.

    Args:
        hub_id: The repository.

    Returns:
        The folder of the snapshot.
    """
    hub = _library(hub_id)
    if is_offline():
        return Path(_asked(hub_id, lambda: _cached(hub, hub_id)))
    names = _asked(hub_id, lambda: _names(hub, hub_id))
    where = {"repo_id": hub_id.repo, "revision": hub_id.revision}
    return Path(_asked(hub_id, lambda: hub.snapshot_download(**where, allow_patterns=needed(names))))


def _names(hub: Any, hub_id: HubId) -> list[str]:
    """Return the names of a repository's files, by the one question that the library does not ask again and again.

    A hub that is not reached is so told of in seconds. Later questions are repeated: what answered once will again.
    """
    found = hub.HfApi().model_info(hub_id.repo, revision=hub_id.revision, timeout=_FIRST_ANSWER_SECONDS)
    return [file.rfilename for file in found.siblings or ()]


def _cached(hub: Any, hub_id: HubId) -> str:
    """Return the folder in the cache as it is: others may have fetched less than everything, and it may do."""
    try:
        found: str = hub.snapshot_download(hub_id.repo, revision=hub_id.revision, local_files_only=True)
    except hub.errors.LocalEntryNotFoundError as error:
        partial: str | None = getattr(error, "snapshot_path", None)
        if partial is None:
            raise
        return partial
    return found


def needed(names: Sequence[str]) -> list[str]:
    """Choose the files of a repository that are to be fetched.

    Args:
        names: All files.

    Returns:
        Those that make up the model.
    """
    kept = [name for name in names if not any(fnmatchcase(name, pattern) for pattern in _NEVER)]
    weights = [name for name in kept if _matches(name, _WEIGHTS)]
    if not any(name.endswith(".safetensors") for name in weights):
        weights = [name for name in kept if _matches(name, _TORCH_WEIGHTS)]
    sidecars = [name for name in kept if _matches(name, _SIDECARS) and ".index.json" not in name]
    return [*weights, *sidecars]


def hub_metadata(hub_id: HubId) -> Any:
    """Return the headers of all safetensors files of a repository, read by range requests alone.

    Args:
        hub_id: The repository.

    Returns:
        What huggingface_hub calls ``SafetensorsRepoMetadata``.
    """
    hub = _library(hub_id)

    def ask() -> Any:
        _names(hub, hub_id)
        return hub.HfApi().get_safetensors_metadata(hub_id.repo, revision=hub_id.revision)

    return _asked(hub_id, ask)


def is_offline() -> bool:
    """Say whether the environment forbids the network."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _library(hub_id: HubId) -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "hub", f"no such path: the hub reference {hub_id}") from error
    return huggingface_hub


def _asked(hub_id: HubId, question: Callable[[], Answer]) -> Answer:
    """Ask the hub or its cache, and say in one line what went wrong.

    Raises:
        CheckpointError: If there is no answer.
    """
    from huggingface_hub import errors

    unreached = getattr(errors, "HTTPError", errors.HfHubHTTPError)  # of its HTTP library; no OSError in all of them
    try:
        return question()
    except errors.GatedRepoError:
        said = "asks for consent before it gives its files: accept its terms on its page and log in with hf auth login"
    except errors.RepositoryNotFoundError:
        said = "there is no such path here and no such model on the hub; or it is private: log in with hf auth login"
    except errors.RevisionNotFoundError:
        said = "the hub has no such revision: name a branch, a tag or a commit"
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        said = "is no path here and not in the cache, and the network is not reached (HF_HUB_OFFLINE): fetch it first"
    except errors.NotASafetensorsRepoError:
        said = "holds no model.safetensors and no index of shards, so that its headers cannot be read from here"
    except (unreached, errors.HfHubHTTPError, errors.HFValidationError, OSError, ValueError) as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        said = f"is no path here, and the hub did not answer: {told}"
    raise CheckpointError(f"{hub_id}: {said}")


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name.rpartition("/")[2], pattern) for pattern in patterns)


def upload(folder: Path, hub_id: HubId) -> str:
    """Send a folder to a repository, which is made where there is none.

    Args:
        folder: The folder.
        hub_id: The repository; a revision is a branch.

    Returns:
        Where it is now.
    """
    hub = _library(hub_id)

    def send() -> str:
        api = hub.HfApi()
        api.create_repo(hub_id.repo, exist_ok=True)
        return str(api.upload_folder(repo_id=hub_id.repo, folder_path=str(folder), revision=hub_id.revision))

    return _asked(hub_id, send)
