"""Prints the JSON Schema of policies, as it is published in the client's package."""

import json

from app.gates.policy import json_schema

print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
