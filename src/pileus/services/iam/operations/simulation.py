"""Simulation comes next."""
