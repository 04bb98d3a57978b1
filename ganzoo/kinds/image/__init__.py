"""Images: their options, files, sizes, named data sets and augmentations. Light to import."""
