"""Takes uploads to buckets by HTML forms: POST with multipart/form-data."""
