"""newsmill: raw news pages in, a table of articles, copies and entities out."""

__version__ = "0.1.0"
