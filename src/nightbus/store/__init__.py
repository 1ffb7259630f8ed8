"""Where everything is kept: records, logs, queues and blobs behind one interface (`interface.py`)."""
