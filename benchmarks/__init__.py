"""What is measured, beside the specification's limits: `make bench`."""
