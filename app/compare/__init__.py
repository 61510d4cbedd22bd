"""Two versions of a dataset, or two scans, side by side."""
