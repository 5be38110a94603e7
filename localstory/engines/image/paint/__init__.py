"""How the built-in illustrator cuts and lays its paper: canvas, colours, figures, things, places, weather and light."""
