"""The engine: devices, the step, the loop, checkpoints, runs. It knows no architecture."""
