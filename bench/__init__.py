"""Pileus and its peers on one machine in one run: `make bench`. Ratios count; absolute figures drift."""
