"""Scheduling: how a run spends its time, decided from its results and costs so far."""
