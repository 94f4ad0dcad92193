"""Plain data → HTML and SVG."""
