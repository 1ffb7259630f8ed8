"""CloudFormation: template, graph, change set, provisioning, roll-back. One file per resource type in `resources/`."""
