"""Figures of a finished study, from its CSV files and stored fields only: no method is ever run again for one."""
