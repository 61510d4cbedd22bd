"""Inner products between uses of one parameter by different operations."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from workers.influence.rules.embedding import Embedding
from workers.influence.rules.linear import Linear
from workers.influence.rules.registry import Rule, in_chunks

# (a, d, options of the first use, a and d of the second) → (B,)
Inner = Callable[[Tensor, Tensor, Any, Tensor, Tensor], Tensor]


def embedding_and_head(
    ids: Tensor, d: Tensor, options: tuple[int, int | None], a: Tensor, d_head: Tensor
) -> Tensor:
    """<gradient as an embedding, gradient as the head's weight>, without forming either.

    sum_{t,s} <d_t, a_s> dhead_s[id_t], padding left out: row v of the one is the sum of d_t over
    the tokens id_t = v, row v of the other is sum_s dhead_s[v] a_s.

    Args:
        ids, d: of the embedding, (B, T) and (B, T, E).
        a, d_head: of the head, (B, S, E) and (B, S, V).
    """
    _, padding = options
    n, t = ids.shape
    s = a.shape[1]

    def part(cut: slice) -> Tensor:
        index = ids[cut].long()
        products = d[cut] @ a[cut].mT
        at_tokens = d_head[cut].gather(2, index[:, None].expand(-1, s, -1)).mT
        products = products.mul_(at_tokens).sum(2)
        return (products if padding is None else products * (index != padding)).sum(1)

    return in_chunks(n, 2 * t * s, part)


INNER: dict[tuple[type[Rule], str, type[Rule], str], Inner] = {
    (Embedding, "weight", Linear, "weight"): embedding_and_head,
}
