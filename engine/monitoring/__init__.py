"""Metrics, timings, resources, health and alerts; fed by every room."""
