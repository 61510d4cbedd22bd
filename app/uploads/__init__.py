"""Files sent through the API, in parts, for those whose data the service cannot reach itself."""
