"""accuracy.html"""
