"""Bars, quotes, instruments and feeds; read by venues, risk and strategies."""
