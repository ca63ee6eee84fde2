"""What people are told of alerts, and how it is sent."""
