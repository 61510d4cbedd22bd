"""Which training examples support or oppose a prediction or label: search over stored sketches."""
