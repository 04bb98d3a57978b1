"""What a person looks at: reports and moving pictures of runs and models."""
