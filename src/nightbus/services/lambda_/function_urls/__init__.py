"""Function URLs: their settings, and the HTTP requests that they answer."""
