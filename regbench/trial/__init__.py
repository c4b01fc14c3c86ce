"""A method tried on made images with known answers: what `regbench test-method` does."""

from regbench.trial.trial import Finding, try_method

__all__ = ["Finding", "try_method"]
