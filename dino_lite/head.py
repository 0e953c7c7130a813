"""The projection head (paper §3.2 and appendix C): MLP → unit length → K weight-normalised prototypes."""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class DinoHead(nn.Module):
    """Features (N, D) → logits (N, K), each the cosine between the projected feature and a prototype.

    Without the unit length a head of this depth does not learn at all (0.1% k-NN, appendix C). It also bounds
    the logits to [-1, 1] while the prototypes have unit length, and with them how sharp a target can get.
    """

    def __init__(
        self,
        dim: int,
        out_dim: int,
        hidden: int = 2048,
        bottleneck: int = 256,
        batch_norm: bool = False,
        norm_last_layer: bool = True,
        init_std: float = 0.02,
    ) -> None:
        super().__init__()
        norm = nn.BatchNorm1d if batch_norm else nn.Identity
        self.mlp = nn.Sequential(
            nn.Linear(dim, hidden),
            norm(hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            norm(hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        init_linear_layers(self.mlp, init_std)
        # weight_norm splits the weight into a length g (original0) and a direction v (original1): W_k = g_k v_k / |v_k|
        self.last_layer = weight_norm(nn.Linear(bottleneck, out_dim, bias=False))
        length = self.last_layer.parametrizations.weight.original0
        nn.init.ones_(length)
        length.requires_grad = not norm_last_layer

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, D) → logits (N, K)."""
        return self.last_layer(F.normalize(self.mlp(features), dim=-1))


def init_linear_layers(network: nn.Module, std: float) -> None:
    """Normal weights of this `std`, or of 1/√(number of inputs) for 0; biases 0. The paper's networks use 0.02.

    0.02 suits a width of 384 or more. In a network 64 wide it shrinks a signal to a sixth in each layer, until all
    pictures look alike to it.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=std or layer.in_features**-0.5)
            nn.init.zeros_(layer.bias)
