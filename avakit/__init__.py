"""avakit gets the AVA and Kinetics video datasets ready for training."""

__version__ = "0.1.0"
