"""Durable timers: the wheel that fires them; rate and cron expressions, with which schedules say when."""
