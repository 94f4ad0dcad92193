"""Which default makes the difference?"""
