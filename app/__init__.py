"""The API and the dashboard. Knows neither torch nor the workers."""
