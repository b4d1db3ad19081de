"""Pages of many languages that name no charset, or a wrong one: each is read in its own."""

from __future__ import annotations

import unicodedata

import pytest

from newsmill.page.decoding import to_text

STORIES = {
    ("fr", "cp1252"): (
        "L’été dernier, la forêt communale a brûlé pendant trois jours. Les élèves français de l’école "
        "voisine replantent déjà des chênes, et le maire espère qu’à Noël les sentiers seront rouverts."
    ),
    ("pt", "cp1252"): (
        "A câmara municipal não aprovou a situação financeira do teatro. Às três da manhã os vereadores "
        "ainda discutiam, e a decisão ficou para amanhã, porque ninguém trouxe as contas do último "
        "verão."
    ),
    ("sv", "cp1252"): (
        "Kommunen föreslår att bron stängs i år. På hösten ska pålarna bytas ut, och då får cyklisterna "
        "åka över älven med en färja som går två gånger i timmen ända till påsk."
    ),
    ("it", "cp1252"): (
        "La città ha deciso che il traghetto tornerà a settembre, perché è più rapido del ponte. Il "
        "sindaco però dirà lunedì se ci sarà anche la libertà di salire con le biciclette."
    ),
    ("da", "cp1252"): (
        "Byrådet besluttede mandag, at færgen over åen skal sejle igen til efteråret. Håndværkerne får "
        "hele sommeren til at udskifte pælene, og prøvesejladsen begynder først på øen."
    ),
    ("no", "cp1252"): (
        "Bystyret vedtok mandag at ferja skal gå igjen fra høsten. Både syklister og gående får være "
        "med, men først må pålene på brygga skiftes, og det tar hele våren før prøvene kan gå."
    ),
    ("fi", "cp1252"): (
        "Kaupunginvaltuusto päätti maanantaina, että lossi lähtee jälleen liikkeelle syksyllä. Työmiehet "
        "korjaavat kesällä laiturin, eikä kukaan vielä tiedä, mitä matka tämän jälkeen maksaa."
    ),
    ("nl", "cp1252"): (
        "De gemeenteraad besloot maandag dat de veerpont naar het eiland weer gaat varen. Eén raadslid "
        "vond de financiële reünie met België overbodig, de coördinator noemde het idee geïsoleerd."
    ),
    ("de", "cp1252"): (
        "Der Gemeinderat beschloß am Montag, daß die Fähre im Herbst wieder fährt. Über den Sommer "
        "werden die Pfähle ausgewechselt, und für Radfahrer gibt es künftig günstigere Plätze an der "
        "Tür."
    ),
    ("es", "cp1252"): (
        "El ayuntamiento decidió el lunes que el transbordador volverá en otoño. Los niños de la región "
        "podrán viajar gratis, según explicó la señora alcaldesa después de la sesión pública."
    ),
    ("ca", "cp1252"): (
        "L’ajuntament va decidir dilluns que el transbordador tornarà a la tardor. Això no agrada als "
        "veïns, perquè la solució només arribarà després de l’estiu i els diners no són aquí."
    ),
    ("is", "cp1252"): (
        "Bæjarstjórnin ákvað á mánudag að ferjan sigli aftur í haust. Það verður þó ekki fyrr en búið er "
        "að skipta um bryggju, sagði bæjarstjórinn við fréttamenn þegar hún kom af fundinum."
    ),
    ("pl", "cp1250"): (
        "Rada miasta postanowiła w poniedziałek, że prom znów popłynie jesienią. Przez całe lato "
        "robotnicy będą wymieniać pale, a mieszkańcy wyspy muszą jeździć dłuższą drogą przez most."
    ),
    ("cs", "cp1250"): (
        "Zastupitelstvo v pondělí rozhodlo, že přívoz bude na podzim opět jezdit. Dělníci přes léto "
        "vymění kůly u mola, takže lidé z ostrova zatím musí objíždět řeku přes nejbližší město."
    ),
    ("sk", "cp1250"): (
        "Mestské zastupiteľstvo v pondelok rozhodlo, že kompa bude na jeseň opäť premávať. Robotníci cez "
        "leto vymenia koly, a ľudia z ostrova zatiaľ musia chodiť dlhšou cestou cez väčšie mesto."
    ),
    ("hu", "cp1250"): (
        "A városi tanács hétfőn úgy döntött, hogy a komp ősztől újra közlekedik. A munkások egész nyáron "
        "cserélik a cölöpöket, így a sziget lakói most még a hosszabb úton járnak, a hídon át."
    ),
    ("hr", "cp1250"): (
        "Gradsko vijeće odlučilo je u ponedjeljak da će trajekt na jesen opet voziti. Radnici će cijelo "
        "ljeto mijenjati stupove, pa stanovnici otoka još uvijek putuju dužim putem preko mosta."
    ),
    ("sl", "cp1250"): (
        "Mestni svet je v ponedeljek odločil, da bo trajekt jeseni spet vozil. Delavci bodo vse poletje "
        "menjali stebre, zato morajo ljudje z otoka še naprej hoditi čez most, ki je precej daleč."
    ),
    ("ro", "cp1250"): (
        "Consiliul oraşului a hotărât luni că bacul va circula din nou în toamnă. Muncitorii schimbă "
        "stâlpii toată vara, iar oamenii din insulă trebuie să meargă până atunci pe drumul mai lung."
    ),
    ("lt", "cp1257"): (
        "Miesto taryba pirmadienį nusprendė, kad keltas rudenį vėl plaukios. Darbininkai visą vasarą "
        "keis polius, todėl salos žmonės dar turės važiuoti ilgesniu keliu per tiltą į kitą pusę."
    ),
    ("lv", "cp1257"): (
        "Pilsētas dome pirmdien nolēma, ka prāmis rudenī atkal kursēs. Strādnieki visu vasaru mainīs "
        "pāļus, tāpēc salas iedzīvotājiem vēl jābrauc pa garāko ceļu pāri tiltam uz otru krastu."
    ),
    ("et", "cp1257"): (
        "Linnavolikogu otsustas esmaspäeval, et parvlaev hakkab sügisel jälle sõitma. Töömehed vahetavad "
        "terve suve vaiu, nii et saare elanikud peavad veel pikemat teed üle silla käima."
    ),
    ("tr", "cp1254"): (
        "Belediye meclisi pazartesi günü vapurun sonbaharda yeniden çalışmasına karar verdi. İşçiler "
        "bütün yaz kazıkları değiştirecek, adada yaşayanlar o güne kadar uzun yoldan gidecekler."
    ),
    ("vi", "cp1258"): (
        "Hội đồng thành phố hôm thứ hai đã quyết định rằng chuyến phà sẽ chạy lại vào mùa thu. Công nhân "
        "phải thay các cọc gỗ suốt mùa hè, nên người dân trên đảo vẫn đi đường vòng."
    ),
    ("ru", "cp1251"): (
        "Городской совет решил в понедельник, что паром осенью снова пойдёт. Рабочие всё лето будут "
        "менять сваи, поэтому жители острова пока ездят длинной дорогой через мост."
    ),
    ("uk", "cp1251"): (
        "Міська рада вирішила в понеділок, що пором восени знову ходитиме. Робітники все літо мінятимуть "
        "палі, тому мешканці острова поки їздять довшою дорогою через міст."
    ),
    ("el", "cp1253"): (
        "Το δημοτικό συμβούλιο αποφάσισε τη Δευτέρα ότι το πορθμείο θα λειτουργήσει ξανά το φθινόπωρο. "
        "Οι εργάτες θα αλλάζουν όλο το καλοκαίρι τους πασσάλους της προβλήτας."
    ),
    ("he", "cp1255"): (
        "מועצת העיר החליטה ביום שני כי המעבורת תחזור לפעול בסתיו. הפועלים יחליפו את העמודים כל הקיץ, "
        "ותושבי האי ימשיכו לנסוע בדרך הארוכה עד אז."
    ),
    ("ar", "cp1256"): (
        "قرر مجلس المدينة يوم الاثنين أن تعود العبارة إلى العمل في الخريف. وسوف يقوم العمال بتغيير "
        "الأعمدة طوال الصيف، ولذلك يسلك سكان الجزيرة الطريق الأطول حتى ذلك الوقت."
    ),
}
OTHERS = {("pl", "iso8859_2"): "cp1250", ("cs", "iso8859_2"): "cp1250", ("hu", "iso8859_2"): "cp1250"}
ALL = STORIES | {new: STORIES[new[0], old] for new, old in OTHERS.items()}


def as_written(text: str, charset: str) -> str:
    """Windows-1258 has most tones of Vietnamese only as marks behind their letter."""
    if charset == "iso8859_2":
        return text.replace("’", "'")
    if charset != "cp1258":
        return text
    written = []
    for letter in text:
        parts = unicodedata.normalize("NFD", letter)
        tone = [mark for mark in parts[1:] if mark in "\u0300\u0301\u0303\u0309\u0323"]
        base = unicodedata.normalize("NFC", "".join(part for part in parts if part not in tone))
        written.append(base + "".join(tone))
    return "".join(written)


def page(text: str, charset: str, lang: str, size: int) -> bytes:
    line = f"<p>{text}</p>\n".encode(charset)
    head = (
        f"<!doctype html><html{lang}><title>News</title><p>Home | Read more | About us | Subscribe now</p>\n"
    )
    return head.encode() + line * max(1, size // len(line))


@pytest.mark.parametrize(("code", "charset"), ALL, ids="-".join)
@pytest.mark.parametrize("declared", [None, "utf-8"])
@pytest.mark.parametrize("size", [300, 10_000])
@pytest.mark.parametrize("lang", ["", ' lang="{}"', ' class="no-js" lang="en-US"'])
def test_page_is_read_in_its_own_charset_when_it_names_none(
    code: str, charset: str, declared: str | None, size: int, lang: str
) -> None:
    text = as_written(ALL[code, charset], charset)
    read = to_text(page(text, charset, lang.format(code), size), declared)
    assert text in read.text
    assert "charset-guessed" in read.marks


@pytest.mark.parametrize("code", ["pl", "cs", "hu", "lt", "tr"])
def test_three_words_are_enough_when_the_page_declares_its_language(code: str) -> None:
    words = {"pl": "łódź że już", "cs": "příští měsíc řeka", "hu": "hétfőn erdő nőtt", "lt": "vėl šią vasarą",
             "tr": "işçiler kış değil"}[code]  # fmt: skip
    charset = {"lt": "cp1257", "tr": "cp1254"}.get(code, "cp1250")
    assert words in to_text(page(words, charset, f" lang={code}", 1), None).text


def test_signs_are_those_of_windows_1252_when_no_word_tells() -> None:
    text = "“Ferry” — £5 or €6, 50° north, for a café’s naïve guests…"
    assert text in to_text(page(text, "cp1252", "", 1), None).text


@pytest.mark.parametrize("first", ["Zoë", "Müller", "São Paulo", "Malmö", "Ålesund", "Curaçao", "Besançon"])
def test_a_foreign_name_in_an_english_page_is_of_windows_1252(first: str) -> None:
    text = f"The ferry to {first} opens again in autumn, the council said."
    assert text in to_text(page(text, "cp1252", ' lang="en"', 1), None).text
