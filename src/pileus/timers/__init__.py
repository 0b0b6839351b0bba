"""Durable timers: the wheel that fires them, and (with the first schedule) rate and cron expressions."""
