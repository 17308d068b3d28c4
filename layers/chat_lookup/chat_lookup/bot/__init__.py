"""What the bot understands and answers."""
