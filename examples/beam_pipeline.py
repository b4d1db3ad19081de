"""newsmill's transforms in a Beam pipeline of one's own: titles and languages of sample pages."""

import apache_beam as beam

from newsmill import Config, DecodeEnvelopes, ExtractPages, RecordChunk, Withheld
from newsmill.demo import PAGES
from newsmill.sources import files


def main() -> None:
    """Print a line for each page, and one for each record that ended before."""
    config = Config()
    records = tuple(files.read([PAGES]))
    with beam.Pipeline() as pipeline:
        chunks = pipeline | beam.Create([RecordChunk(ingested_at=0, records=records)])
        pages = chunks | DecodeEnvelopes(config=config.input, withheld=Withheld())
        extracted = pages.oks | ExtractPages(
            page=config.page, input=config.input, on_reserved=config.rights.on_reserved
        )
        lines = (
            extracted.oks | beam.FlatMap(lambda c: [f"{p.language.code}  {p.page.title}" for p in c.pages]),
            (pages.ends, extracted.ends)
            | beam.Flatten()
            | beam.FlatMap(lambda c: [f"{f.fate}: {f.reason}  {f.url}" for f in c.fates]),
        ) | "All" >> beam.Flatten()
        _ = lines | beam.Map(print)


if __name__ == "__main__":
    main()
