"""Files written for SQL Sentinel: what they mean, their states, their databases, their daemon."""
