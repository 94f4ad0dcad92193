"""shapes.html"""
