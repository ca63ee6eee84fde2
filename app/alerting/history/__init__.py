"""What happened to alerts, as people look it up: one alert with all of its evidence, past ones, and where rules stand."""
