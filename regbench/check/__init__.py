"""Everything that is wrong with a study and its data, told at once and before any job."""
