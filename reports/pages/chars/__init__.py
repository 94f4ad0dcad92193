"""chars.html"""
