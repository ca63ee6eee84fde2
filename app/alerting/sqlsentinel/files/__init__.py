"""Files written for SQL Sentinel: reading them, and their schedules."""
