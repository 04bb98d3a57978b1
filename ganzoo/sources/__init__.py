"""From what the user names or hands over to a data set."""
