"""What every service is made of. Imports nothing of ours, and never spells a service's name."""
