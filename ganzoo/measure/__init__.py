"""How good samples are: features, the distances between their distributions, what was found."""
