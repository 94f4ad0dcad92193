"""speed.html"""
