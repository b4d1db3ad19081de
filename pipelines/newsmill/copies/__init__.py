"""What a copy is: shingles, sketches, the index, copy types, clusters, origins."""
