"""sources.html"""
