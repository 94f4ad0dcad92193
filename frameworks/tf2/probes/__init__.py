"""What the framework is asked beside training: its calls' answers, and a network written as its tutorials do."""
