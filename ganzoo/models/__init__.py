"""The registry: the model folder and where models are found."""
