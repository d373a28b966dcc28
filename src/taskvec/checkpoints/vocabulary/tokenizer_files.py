"""The tokenizer of a result: the files of one model, or those of the base with more tokens in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from taskvec.checkpoints.quoting import quoted
from taskvec.checkpoints.vocabulary.tokens import TOKENIZER, TOKENIZER_FILES, Vocabulary
from taskvec.errors import CheckpointError


def tokenizer_files(leading: Vocabulary, added: Sequence[str], target: Mapping[str, int]) -> dict[Path, bytes]:
    """Return the files that the result's tokenizer consists of.

    Args:
        leading: The tokenizer that leads.
        added: Tokens to add to it, in the order of their rows. They are added as whole tokens: how text is cut into
            them may differ from the tokenizer that had them in its own vocabulary.
        target: Token → row that it must get.

    Returns:
        Name → contents.

    Raises:
        CheckpointError: If the tokenizer cannot take tokens, or would give them other rows.
    """
    present = [Path(name) for name in TOKENIZER_FILES if (leading.folder / name).is_file()]
    files = {path: (leading.folder / path).read_bytes() for path in present}
    if not added:
        return files
    if Path(TOKENIZER) not in files:
        raise CheckpointError(
            f"{leading.folder}: only a tokenizer with a {TOKENIZER} can take tokens: save it with "
            "AutoTokenizer.from_pretrained(…).save_pretrained(…)"
        )
    import tokenizers

    grown = tokenizers.Tokenizer.from_file(str(leading.folder / TOKENIZER))
    grown.add_tokens([tokenizers.AddedToken(token, normalized=False) for token in added])
    for token in added:
        if grown.token_to_id(token) != target[token]:
            raise CheckpointError(
                f"{leading.folder}: its tokenizer puts {quoted(token)} at {grown.token_to_id(token)}, expected "
                f"{target[token]}: rows without tokens lie between its tokens; use base as tokenizer_source"
            )
    files[Path(TOKENIZER)] = grown.to_str(pretty=True).encode()
    return files
