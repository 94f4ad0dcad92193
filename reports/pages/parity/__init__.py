"""parity.html"""
