"""Stage tuning: each method's settings tried on validation pairs, and the best of them chosen by a rule."""
