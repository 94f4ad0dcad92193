"""index.html"""
