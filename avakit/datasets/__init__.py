"""The catalogue of datasets, and the readers of their annotation files."""
