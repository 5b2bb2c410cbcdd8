"""What every venue must do, and the paper venue; driven by execution."""
