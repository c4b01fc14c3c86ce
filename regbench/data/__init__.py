"""Stage `data`: every dataset, whatever it is made of, as subjects with images, labels and a split."""

from regbench.data.base import Dataset, Subject, check_subjects, load_dataset

__all__ = ["Dataset", "Subject", "check_subjects", "load_dataset"]
