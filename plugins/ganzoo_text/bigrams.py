"""What texts are compared by."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo import Extractor, Features

BUCKETS = 64


class Bigrams(Extractor):
    """How often each pair of neighbouring tokens comes, in buckets: (N, 64)."""

    name = "text-bigrams"
    about = "frequencies of pairs of neighbouring tokens, hashed into 64 buckets"
    unscaled = True

    def features(self, samples: Tensor) -> Features:
        places = samples.argmax(1)
        buckets = (places[:, :-1] * 31 + places[:, 1:]) % BUCKETS
        return Features(F.one_hot(buckets, BUCKETS).to(torch.float32).mean(1))
