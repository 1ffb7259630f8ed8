"""AWS wire protocols on the server side, driven by botocore's service models, which are read as data."""
