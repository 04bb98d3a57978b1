"""Runs on the disk: their configuration, folder and checkpoints."""
