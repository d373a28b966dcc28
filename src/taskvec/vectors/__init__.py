"""What a task vector is: forms, alignment, edited models."""
