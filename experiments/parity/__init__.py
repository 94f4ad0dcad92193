"""The parity ladder: are the twins the same model?"""
