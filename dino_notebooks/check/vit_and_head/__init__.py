"""From patches to logits, and a teacher that is a real copy (assignment 2).

In the order of the assignment.
"""

from dino_notebooks.check.checks import Check
from dino_notebooks.check.vit_and_head import copies, cosines, patches, projection_head, qkv, self_attention, tokens

token_count = Check.of(tokens.TOKEN_COUNT)
patchify = Check.of(patches.PATCHIFY)
add_tokens = Check.of(tokens.ADD_TOKENS)
attention = Check.of(self_attention.ATTENTION)
split_heads = Check.of(qkv.SPLIT_HEADS)
head_logits = Check.of(cosines.HEAD_LOGITS)
projection = Check.of(projection_head.PROJECTION)
make_teacher = Check.of(copies.MAKE_TEACHER)

CHECKS = (token_count, patchify, add_tokens, attention, split_heads, head_logits, projection, make_teacher)
