"""Sentences in the place of a résumé that say that there is none, where that is unmistakable."""

import functools
import re
from typing import Final

_RESUME_WORD: Final = r"(?:r[eé]sum[eé]|cv|curriculum\ vitae)(?:\s*/\s*(?:cv|r[eé]sum[eé]))?"
_GIVEN: Final = (
    r"(?:provided|submitted|attached|uploaded|available|included|supplied|received|given|found|"
    r"on\ file|added|present|sent)"
)
_NONE_GIVEN: Final = rf"""
    (?:^|(?<=[.!?;|\n]))\s*(?:note:?\s+|n/a:?\s+)?
    (?: (?:(?:the|this|an?|candidate|applicant)(?:'s)?\s+){{0,3}}{_RESUME_WORD}
        (?:\s+(?:file|document|text|attachment))?\s+(?:(?:is|was|has|had|been)\s+){{0,3}}
        (?:not|never)\s+(?:yet\s+)?(?:been\s+)?{_GIVEN}\b
      | no\s+{_RESUME_WORD}(?:\s+(?:file|document|text|attachment))?\s+
        (?:(?:is|was|has|had|been)\s+){{0,3}}{_GIVEN}\b
      | (?:(?:the|this)\s+)?(?:candidate|applicant)\s+
        (?:did\ not|didn[\u2019']t|has\ not|hasn[\u2019']t|does\ not|doesn[\u2019']t)\s+(?:yet\s+)?
        (?:provided?|submit(?:ted)?|attach(?:ed)?|upload(?:ed)?|included?|suppl(?:y|ied)|sen[dt]|have)
        \s+        (?:(?:an?|any|the|their|his|her)\s+)?{_RESUME_WORD}\b
      | (?:der\s+)?(?:lebenslauf|cv)\s+(?:[\w/.]+\s+){{0,7}}?nicht\s+
        (?:vor\b|vorhanden|verfügbar|hochgeladen|beigefügt|angehängt|eingereicht|bereitgestellt)
      | (?:es\s+(?:wurde|liegt|ist)\s+)?kein(?:en)?\s+(?:lebenslauf|cv)\s+(?:[\w/.]+\s+){{0,7}}?
        (?:vor\b|vorhanden|verfügbar|hochgeladen|beigefügt|angehängt|eingereicht|bereitgestellt)
      | (?:le\s+)?cv\s+(?:n[\u2019']a\s+pas\s+été|n[\u2019']est\s+pas|non|pas)\s+
        (?:fourni|joint|transmis|disponible|téléchargé|déposé|envoyé)
      | aucun\s+cv\s+(?:[\w\u2019']+\s+){{0,3}}?(?:fourni|joint|transmis|disponible|déposé|envoyé)
      | (?:le\s+|la\s+)?candidate?\s+n[\u2019']a\s+pas\s+
        (?:fourni|joint|transmis|téléchargé|déposé|envoyé)\s+(?:(?:de|son|un|le)\s+)?cv\b
      | (?:el\s+)?(?:curr[ií]culum(?:\ vitae)?|cv)\s+no\s+(?:\w+\s+){{0,2}}?
        (?:proporcionado|adjunt(?:o|ado)|disponible|enviado|aportado|subido|facilitado)
      | (?:el\s+|la\s+)?candidat[oa]\s+no\s+(?:ha\s+)?
        (?:proporcion|adjunt|envi|aport|sub|facilit)\w+\s+(?:(?:su|un|el|ning[uú]n)\s+)?
        (?:curr[ií]culum|cv)
      | (?:životopis|cv)\s+(?:\w+\s+){{0,4}}?(?:nebol|nebyl|nie\ je|není|chýba|chybí)\b
      | (?:uchádzač|uchazeč|kandidát)(?:ka)?\s+(?:\w+\s+){{0,2}}?
        ne(?:prilož|přilož|nahr|poskyt|dod|pripoj|připoj|posl|zasl)\w*\s+(?:\w+\s+){{0,2}}?
        (?:životopis|cv)
      | (?:cv|życiorys)\s+(?:\w+\s+){{0,3}}?nie\s+(?:\w+\s+){{0,2}}?
        (?:dołączon|przesłan|dodan|załączon|dostarczon)\w+
      | brak\s+(?:cv|życiorysu)\b
      | kandydat(?:ka)?\s+nie\s+(?:do|prze|za)\w+\s+(?:\w+\s+)?(?:cv|życiorysu)\b
    )[^.!?;|\n]{{0,80}}
"""
"""One sentence from its beginning to its end: what else a text tells is counted without it."""


def without_notes(text: str) -> str:
    """The text with a blank in the place of each sentence that says that there is no résumé."""
    return _none_given().sub(" ", text)


@functools.cache
def _none_given() -> re.Pattern[str]:
    """Built when a text is that short: it takes as long as reading a small file."""
    return re.compile(_NONE_GIVEN, re.IGNORECASE | re.VERBOSE)
