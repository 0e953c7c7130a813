"""The exercise on retrieval: is the other picture of the same thing the nearest?"""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from dino_lite import evaluate
from dino_notebooks.check.exercise import Arguments, Exercise, Mistake


def pair_cases(generator: Generator) -> list[Arguments]:
    """(queries (N, D), gallery (N, D)): unit rows. About half of the partners are found; every fourth is opposite."""
    cases: list[Arguments] = []
    for n, d, noise in ((5, 2, 0.5), (31, 4, 0.5), (43, 6, 0.7), (37, 5, 0.6)):
        query = torch.randn(n, d, generator=generator)
        gallery = query + noise * torch.randn(n, d, generator=generator)
        gallery[3::4] = -query[3::4]
        cases.append((F.normalize(query, dim=-1), F.normalize(gallery, dim=-1)))
    return cases


def found(query: Tensor, gallery: Tensor) -> Tensor:
    """Whether each query's nearest gallery row is its partner (N,)."""
    return (query @ gallery.T).argmax(1) == torch.arange(len(query))


def among_first(query: Tensor, gallery: Tensor, first: int) -> Tensor:
    """Share of queries whose partner is among the first few."""
    index = (query @ gallery.T).topk(min(first, len(gallery)), dim=1).indices
    return (index == torch.arange(len(query))[:, None]).any(1).double().mean()


def without_partner(query: Tensor, gallery: Tensor) -> Tensor:
    """The mistake of leaving out the diagonal."""
    cosine = (query @ gallery.T).fill_diagonal_(-2)
    return (cosine.argmax(1) == torch.arange(len(query))).double().mean()


RETRIEVAL_ACCURACY = Exercise(
    name="retrieval_accuracy",
    right=evaluate.retrieval_accuracy,
    cases=pair_cases,
    argument_names=("query_x", "gallery_x"),
    mistakes=(
        Mistake(
            "It asks the other way round: for each gallery row, which query is nearest. Along which dimension of the "
            "similarities (queries, gallery) is the largest wanted?",
            lambda q, g: found(g, q).double().mean(),
        ),
        Mistake(
            "Both directions are averaged. Here only the queries ask.",
            lambda q, g: (found(q, g).double().mean() + found(g, q).double().mean()) / 2,
        ),
        Mistake(
            "It asks for pairs that find each other. It is enough that the query finds its partner.",
            lambda q, g: (found(q, g) & found(g, q)).double().mean(),
        ),
        Mistake(
            "It looks for the row that is furthest away: a large cosine means near.",
            lambda q, g: found(q, -g).double().mean(),
        ),
        Mistake(
            "The queries are looked for among themselves, where each is its own nearest. They have to be found in the "
            "gallery.",
            lambda q, g: found(q, q).double().mean(),
        ),
        Mistake(
            "The partner is left out, as if it were the query itself, so that nothing can be found. Query and gallery "
            "are different pictures.",
            without_partner,
        ),
        Mistake(
            "This is the mean cosine of the pairs. It is high in a collapsed network, where everything is alike. Count "
            "who is *nearest*.",
            lambda q, g: (q * g).sum(-1).mean(),
        ),
        Mistake(
            "To be among the first five is enough here. It should be the first.", lambda q, g: among_first(q, g, 5)
        ),
        Mistake("To be among the first two is enough here. It should be the first.", lambda q, g: among_first(q, g, 2)),
        Mistake("It is a number of rows. Asked is a share, 0 to 1.", lambda q, g: found(q, g).double().sum()),
        Mistake(
            "It is the share of queries that are *not* found.",
            lambda q, g: (~found(q, g)).double().mean(),
        ),
        Mistake("It says for each query whether it is found. Asked is the share.", lambda q, g: found(q, g).double()),
        Mistake("It is in percent. Asked is a share, 0 to 1.", lambda q, g: 100 * found(q, g).double().mean()),
    ),
    hints=(
        "Row i of both is the same thing. For a query row: which gallery row is nearest, and is its number i?",
        "Unit rows have their cosine as product: query_x @ gallery_x.T is (N, N), a row a query. Look for the largest "
        "along the gallery.",
        "nearest = (query_x @ gallery_x.T).argmax(dim=1); compare with torch.arange(N), and take the mean.",
    ),
)
