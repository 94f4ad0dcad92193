"""claims.html"""
