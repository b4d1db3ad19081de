"""The door of the knowledge stage: a text goes in, entities, places, countries and topics come out."""

from __future__ import annotations

from newsmill.config import EnrichConfig
from newsmill.knowledge.default import knowledge_base
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.mentions import gather
from newsmill.knowledge.places import Toponym, comma_pairs, place_candidates, resolve, site_votes
from newsmill.records import Draft, Enrichment, Mention, Place


class Enricher:
    """Runs every installed enricher over a text."""

    def __init__(self, config: EnrichConfig, gazetteer: Gazetteer) -> None:
        self._config = config
        self._gazetteer = gazetteer

    @classmethod
    def open(cls, config: EnrichConfig) -> Enricher:
        """Open the knowledge base and the recognisers that `config` names."""
        return cls(config, Gazetteer.open(config.kb or knowledge_base()))

    def enrich(self, draft: Draft, *, statistical: bool) -> Enrichment:
        return self.enrich_text(
            draft.page.body,
            language=draft.language.code,
            title=draft.page.title,
            url=draft.url,
            statistical=statistical,
        )

    def enrich_text(
        self,
        text: str,
        *,
        language: str,
        title: str | None = None,
        url: str | None = None,
        statistical: bool = True,
    ) -> Enrichment:
        found = gather(text, language, self._gazetteer, [])
        toponyms = []
        for f in found:
            cs = tuple(c for c in f.candidates if c.coarse == "LOC")
            if cs and f.candidates[0].coarse == "LOC":
                toponyms.append(Toponym(start=f.start, end=f.end, name=f.folded, candidates=cs))
        comma_pairs(text, toponyms)
        country, votes = site_votes(self._gazetteer, url)
        resolve(toponyms, country=country, votes=votes)
        places = tuple(
            Place(name=t.chosen.name, lat=t.chosen.lat, lon=t.chosen.lon, country=t.chosen.country, geonameid=t.chosen.geonameid, score=t.score,
              mentions=(Mention(start=t.start, end=t.end, text=text[t.start:t.end]),))
            for t in toponyms if t.chosen is not None and t.chosen.lat is not None
        )
        return Enrichment(places=places, versions={"newsmill": self._gazetteer.version})
