"""What flows between transforms, how it is coded, and what a stage gives back."""
