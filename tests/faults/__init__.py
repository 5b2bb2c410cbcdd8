"""Fault injection with real processes, disks and servers: `make faults`; tests/e2e/test_faults.py runs it in short."""
