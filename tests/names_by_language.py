"""Names as texts of many languages have them: of cities, and of persons behind their offices."""

from __future__ import annotations

OWN = """
it  Rome=Roma Milan=Milano Turin=Torino Naples=Napoli Florence=Firenze Venice=Venezia Genoa=Genova
de  Vienna=Wien Munich=München Zürich=Zürich Nuremberg=Nürnberg Dresden=Dresden Salzburg=Salzburg
pt  Lisbon=Lisboa Porto=Porto Brasília=Brasília
nl  Antwerp=Antwerpen Gent=Gent Brussels=Brussel Utrecht=Utrecht Groningen=Groningen
fr  Brussels=Bruxelles Geneva=Genève Lyon=Lyon Liège=Liège
es  Seville=Sevilla Zaragoza=Zaragoza Valencia=Valencia Puebla=Puebla
pl  Warsaw=Warszawa Kraków=Kraków Łódź=Łódź Gdańsk=Gdańsk
cs  Prague=Praha Brno=Brno Pilsen=Plzeň
hu  Budapest=Budapest Szeged=Szeged
ro  Bucharest=București Cluj-Napoca=Cluj-Napoca
hr  Belgrade=Beograd Zagreb=Zagreb
sr  Belgrade=Београд Niš=Ниш
bg  Sofia=София
mk  Skopje=Скопје
sq  Tirana=Tiranë
da  Copenhagen=København Århus=Aarhus
sv  Gothenburg=Göteborg Stockholm=Stockholm
nb  Oslo=Oslo Trondheim=Trondheim
fi  Helsinki=Helsinki Turku=Turku Turku=Åbo
et  Tallinn=Tallinn
lv  Riga=Rīga
lt  Vilnius=Vilnius
ru  Moscow=Москва Minsk=Минск
uk  Kyiv=Київ Kharkiv=Харків Lviv=Львів Odesa=Одеса
el  Athens=Αθήνα Thessaloníki=Θεσσαλονίκη
tr  Istanbul=İstanbul Ankara=Ankara
ar  Cairo=القاهرة Baghdad=بغداد Damascus=دمشق Riyadh=الرياض
fa  Tehran=تهران
he  Jerusalem=ירושלים
zh  Beijing=北京 Shanghai=上海 Guangzhou=广州 Taipei=台北
ja  Tokyo=東京 Osaka=大阪 Kyoto=京都
ko  Seoul=서울 Busan=부산 Incheon=인천
th  Bangkok=กรุงเทพมหานคร
hi  Mumbai=मुंबई
bn  Dhaka=ঢাকা
ka  Tbilisi=თბილისი
hy  Yerevan=Երևան
vi  Hanoi=Hà_Nội
"""
ABROAD = """
de  Geneva=Genf Venice=Venedig Milan=Mailand Naples=Neapel Warsaw=Warschau Liège=Lüttich
es  Geneva=Ginebra Venice=Venecia Basel=Basilea Beijing=Pekín
pt  Geneva=Genebra Venice=Veneza Munich=Munique
it  Geneva=Ginevra Munich=Monaco_di_Baviera Lyon=Lione
pl  Geneva=Genewa Venice=Wenecja Munich=Monachium
cs  Geneva=Ženeva Venice=Benátky Vienna=Vídeň
tr  Geneva=Cenevre Venice=Venedik Athens=Atina
sl  Venice=Benetke Geneva=Ženeva
hu  Vienna=Bécs Geneva=Genf
nl  Geneva=Genève Cologne=Keulen
"""


def cases(names: str) -> list[tuple[str, str, str]]:
    """Language, English name and that of the language."""
    return [
        (line.split()[0], pair.partition("=")[0], pair.partition("=")[2].replace("_", " "))
        for line in names.strip().split("\n")
        for pair in line.split()[1:]
    ]


PERSONS = [
    ("en", "Secretary of State Marco Rubio met Foreign Minister Ann Lee.", ["Marco Rubio", "Ann Lee"]),
    ("en", "He met Secretary of State Antony Blinken.", ["Antony Blinken"]),
    ("en", "President of Ukraine Volodymyr Zelensky spoke.", ["Volodymyr Zelensky"]),
    ("it", "La presidente del Consiglio Giorgia Meloni ha parlato.", ["Giorgia Meloni"]),
    ("it", "Ha visto il ministro degli Esteri Antonio Tajani.", ["Antonio Tajani"]),
    ("fr", "Le ministre de l'Intérieur Bruno Retailleau a parlé.", ["Bruno Retailleau"]),
    ("es", "El ministro de Asuntos Exteriores José Manuel Albares habló.", ["José Manuel Albares"]),
    ("pt", "A ministra do Meio Ambiente Marina Silva viajou.", ["Marina Silva"]),
    ("nl", "Hij sprak met minister van Buitenlandse Zaken Caspar Veldkamp.", ["Caspar Veldkamp"]),
    ("de", "Bundesaußenminister Johann Wadephul reiste ab.", ["Johann Wadephul"]),
    ("sv", "Hon träffade utrikesminister Maria Malmer Stenergard.", ["Maria Malmer Stenergard"]),
    ("pl", "Prezes Prawa i Sprawiedliwości Jarosław Kaczyński mówił.", ["Jarosław Kaczyński"]),
    ("pl", "Przewodnicząca Komisji Europejskiej Ursula von der Leyen mówiła.", ["Ursula von der Leyen"]),
    ("cs", "Ministr zahraničí Jan Lipavský jednal.", ["Jan Lipavský"]),
    ("hr", "Predsjednik Vlade Andrej Plenković govorio je.", ["Andrej Plenković"]),
    ("ro", "Președintele României Nicușor Dan a vorbit.", ["Nicușor Dan"]),
    ("ru", "Президент России Владимир Путин встретился с министром.", ["Владимир Путин"]),
    ("ru", "Канцлер Германии Олаф Шольц прибыл.", ["Олаф Шольц"]),
    ("uk", "Президент України Володимир Зеленський заявив.", ["Володимир Зеленський"]),
    ("uk", "Прем'єр-міністр Великої Британії Кір Стармер заявив.", ["Кір Стармер"]),
    ("el", "Είδε τον υπουργό Εξωτερικών Γιώργο Γεραπετρίτη.", ["Γιώργο Γεραπετρίτη"]),
    ("id", "Presiden bertemu Menteri Luar Negeri Sugiono.", ["Sugiono"]),
    ("fa", "وزیر امور خارجه عباس عراقچی گفت.", ["عباس عراقچی"]),
    ("fa", "وزیر خارجه روسیه سرگئی لاوروف گفت.", ["سرگئی لاوروف"]),
    ("zh", "外长王毅周一访问。", ["王毅"]),
    ("zh", "德国总理默茨会见了他。默茨表示满意。", ["默茨", "默茨"]),
    ("zh", "特朗普总统同意。", ["特朗普"]),
    ("ja", "トランプ大統領と会談した。", ["トランプ"]),
    ("ja", "ルビオ国務長官は述べた。", ["ルビオ"]),
    ("ko", "네타냐후 총리는 말했다. 네타냐후는 떠났다.", ["네타냐후", "네타냐후"]),
    ("ko", "그는 마크롱 프랑스 대통령과 통화했다.", ["마크롱"]),
    ("ru", "Это решение, сказал Путин. Песков заявил иное.", ["Путин", "Песков"]),
    ("uk", "Це важливо, сказав Зеленський.", ["Зеленський"]),
    ("es", "«Es falso», dijo Sánchez.", ["Sánchez"]),
]  # fmt: skip
