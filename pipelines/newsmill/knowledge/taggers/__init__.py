"""Taggers of newsmill's own: small models of single languages that say which words make a name.

`features` tells what a tagger sees of a word, `tagger` reads a text, `sources` names the corpora that taggers
are made from, `corpora` reads them, `training` makes taggers. At run time only the first two are used.
"""
