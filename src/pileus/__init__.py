"""Pileus: a serverless cloud on one's own machine. One process speaks the AWS APIs."""

from pileus import compiled

__version__ = "0.1.0"

compiled.install()
