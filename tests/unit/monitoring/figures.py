"""Resource figures of an ordinary day, for tests to start from."""

from datetime import UTC, datetime

from engine.monitoring.resources import Resources

FIGURES = Resources(
    collected_at=datetime(2026, 1, 5, tzinfo=UTC),
    host_cpu_percent=12.0,
    host_memory_used_percent=50.0,
    host_memory_available_percent=45.0,
    host_disk_free_percent=60.0,
    host_disk_free_bytes=1_000,
    process_cpu_percent=3.0,
    process_resident_memory_bytes=2_000,
    process_threads=4,
    process_open_files=9,
)
