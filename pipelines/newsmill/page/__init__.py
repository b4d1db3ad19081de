"""What a page is: bytes to text, limits, extraction, boilerplate, metadata, rights, URLs, language."""
