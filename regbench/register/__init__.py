"""One pair, from two raw scans to a field: what `regbench register` does."""

from regbench.register.register import Registered, register
from regbench.register.request import Request

__all__ = ["Registered", "Request", "register"]
