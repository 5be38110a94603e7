"""Stories: a folder with a text, pictures, voices and a film; planned by recipes, rebuilt by what changed."""
