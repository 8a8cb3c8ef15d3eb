"""Generator of the Grafana dashboards in deploy/grafana. `make generate-docs` runs it."""
