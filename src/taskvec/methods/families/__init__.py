"""What several merge methods share: elections, masks, singular vectors, geometry on a sphere."""
