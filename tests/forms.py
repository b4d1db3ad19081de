"""Forms that newsrooms fill anew each day: two fillings are two stories, however much they share.

Kinds that were seen joined wrongly: obituaries, matches, quakes, work, dividends, prices of seats, prime
rates, the money market, two releases with one "About", two briefs over one notice; in four languages.
"""

from __future__ import annotations

import random
from typing import Final, NamedTuple


class Form(NamedTuple):
    """One form: its title and text, with blanks, and what fills them."""

    language: str
    title: str
    text: str
    blanks: dict[str, list[str]]


def filled(form: Form, number: int) -> tuple[str, str]:
    """Title and text of one filling; each number has its own words in every blank."""
    words: dict[str, str] = {}
    for name, choices in form.blanks.items():
        order = random.Random(f"{form.text[:40]} {name}").sample(choices, len(choices))
        words[name] = order[number % len(order)]
    return form.title.format(**words), form.text.format(**words)


_TOWNS = "Eastmere Southmere Westmere Northmere Hillmere Lowmere Ashby Torrell Quenby Marrow".split()
_NAMES = [
    *("Marta Quill", "Peter Lathrop", "Olga Venn", "Halvard Dunn", "Ivo Trask", "Selma Aarden"),
    *("Ruth Penhale", "Tomas Birch", "Ines Duarte", "Karl Obst"),
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
_FIRMS = [
    *("Porex Technologies", "Medco Containment", "Witco Chemical", "Atari Games", "Bluestone Foods"),
    *("Carrow Freight", "Harrow Mills", "Siebert Optics", "Landry Steel", "Noord Shipping"),
]
_NAMEN = [
    *("Marta Quell", "Peter Lothar", "Ilse Brandt", "Uwe Hansen", "Greta Vogt", "Jonas Reuter"),
    *("Anke Sommer", "Heinz Kuhlmann"),
]
_ORTE = "Hohenbrück Unterwalden Steinfurt Eichberg Rotenau Langwedel Birkenfeld Moorhausen".split()
_IMENA = [
    *("Анна Белова", "Пётр Громов", "Ольга Зимина", "Иван Лосев", "Вера Крылова", "Борис Туманов"),
    *("Нина Орлова", "Глеб Снегирёв"),
]

FORMS: Final[dict[str, Form]] = {
    "obituaries": Form(
        "en",
        "{name} of {town} has died",
        "{name}, aged {age}, of {town}, passed away peacefully at home surrounded by family after a "
        "short illness. Born in {town}, {name} worked for many years as a {trade} and was known to all "
        "for kindness. A funeral service will be held on Saturday at eleven in the morning in the "
        "parish church, followed by burial in the churchyard. The family asks that gifts be made to the"
        " hospice in place of flowers, and wishes to thank the nurses for their care. Arrangements are "
        "in the hands of Harrow and Sons, funeral directors, whose staff are here to help you at any "
        "hour of the day.",
        {
            "name": _NAMES,
            "town": _TOWNS,
            "age": [str(n) for n in range(71, 97)],
            "trade": ["weaver", "postman", "teacher", "joiner", "nurse", "baker", "farmer"],
        },
    ),
    "matches": Form(
        "en",
        "{name} wins it for {home}",
        "{home} hosted {away} on Saturday in the twelfth round of the coastal league and the match "
        "ended {score} before a good crowd. The decisive moment came through {name}, who was on hand "
        "when it mattered, and the home side controlled the play for long spells. The visitors had "
        "chances late on but could not find a way through a well drilled defence. Both teams now turn "
        "to the cup next week, with the draw to be made at noon, and tickets go on sale at the ground "
        "on the morning after.",
        {
            "home": [f"{town} Rovers" for town in _TOWNS[:5]],
            "away": [f"{town} United" for town in _TOWNS[5:]],
            "name": _NAMES,
            "score": ["2-1", "3-0", "1-0", "4-2", "5-3", "6-2", "3-2"],
        },
    ),
    "work": Form(
        "en",
        "{trade} wanted",
        "{firm} looks for a {trade} for its yard by the {place}. The wage is {wage} crowns an hour. You"
        " are of age, can lift a full crate and have no quarrel with early hours. We pay for the bus, "
        "for boots twice a year and for a doctor when you need one, and we put by a tenth of your wage "
        "for your old age. Come by between nine and five on any working day, or write to the office, "
        "which answers within a week.",
        {
            "firm": _FIRMS,
            "trade": ["warehouse clerk", "night driver", "crane hand", "packer", "gate guard", "bookkeeper"],
            "place": ["canal", "harbour", "station", "old mill", "ring road"],
            "wage": [str(n) for n in range(16, 29)],
        },
    ),
    "dividends": Form(
        "en",
        "{firm} sets initial dividend",
        "{firm} said its board declared an initial annual dividend of {cents} cts per share, its first "
        "payout, payable {month} {day} to holders of record {month} {record}.",
        {
            "firm": _FIRMS,
            "cents": ["10", "12", "15", "25", "30", "40"],
            "month": ["March", "April", "June", "July"],
            "day": [str(n) for n in range(19, 29)],
            "record": [str(n) for n in range(3, 17)],
        },
    ),
    "seats": Form(
        "en",
        "NYFE seat sells for {price} dlrs",
        "The New York Stock Exchange said a seat on the New York Futures Exchange sold for {price} "
        "dlrs, which is up {up} dlrs from the previous sale on {weekday}. The Exchange said the current"
        " bid is {bid} dlrs and the current offer is {offer} dlrs.",
        {
            "price": ["200", "1,500", "250", "700", "1,100", "900"],
            "up": ["50", "125", "75", "300"],
            "weekday": _DAYS,
            "bid": ["100", "1,250", "150", "650", "1,000"],
            "offer": ["300", "1,750", "350", "750", "1,200", "950", "400"],
        },
    ),
    "money market": Form(
        "en",
        "U.K. money market shortage forecast revised",
        "The Bank of England said it has revised its estimate of the shortage in the money market to "
        "around {now} mln stg from its earlier forecast of {before} mln. The bank has given the market "
        "{help} mln stg of help so far today.",
        {
            "now": ["700", "750", "300", "950", "1,100", "450", "600"],
            "before": ["800", "850", "400", "1,000", "500"],
            "help": ["224", "129", "61", "310", "87", "95", "402", "18"],
        },
    ),
    "quakes": Form(
        "en",
        "Magnitude {size} quake strikes near {town}, {country}",
        "An earthquake of magnitude {size} struck near {town} in {country} on {weekday}, the "
        "seismological centre said. It was at a depth of {depth} kilometres. There were no immediate "
        "reports of damage or casualties. Residents reported feeling the tremor for several seconds and"
        " some ran into the streets. Officials said they were checking bridges, schools and hospitals, "
        "and asked people to stay away from cracked walls.",
        {
            "size": ["5.2", "6.1", "4.8", "5.9", "6.4", "5.6", "4.4"],
            "town": ["Izmir", "Valdivia", "Padang", "Kermanshah", "Oaxaca"],
            "country": ["Turkey", "Chile", "Indonesia", "Iran", "Mexico"],
            "weekday": _DAYS,
            "depth": ["10", "33", "72", "18", "25", "41"],
        },
    ),
    "releases": Form(
        "en",
        "Harrowgate {news}",
        "Harrowgate Systems today said that it {news} in {town}. {name} will lead the work, which costs"
        " {cost} million euros. About Harrowgate Systems: Harrowgate Systems is a leading maker of "
        "sensors for ports and harbours and serves customers in more than forty countries from its "
        "offices in Rotterdam and Singapore. Founded in 1988, the company employs two thousand people "
        "and is listed in London. Its products watch over more than nine hundred harbours, locks and "
        "bridges around the world, day and night. This release contains statements about the future "
        "that involve risks and doubts. Actual results may differ.",
        {
            "news": [
                "opens a plant",
                "buys a rival",
                "ends a dispute",
                "names a chairman",
                "recalls a gauge",
            ],
            "town": _TOWNS,
            "name": _NAMES,
            "cost": [str(n) for n in range(11, 60, 7)],
        },
    ),
    "Traueranzeigen": Form(
        "de",
        "Trauer um {name}",
        "{name}, {age} Jahre alt, aus {ort}, ist nach kurzer Krankheit im Kreis der Familie friedlich "
        "eingeschlafen. {beruf} Die Trauerfeier findet am Samstag um elf Uhr in der Pfarrkirche statt, "
        "anschließend ist die Beisetzung auf dem alten Friedhof. Statt Blumen bittet die Familie um "
        "eine Spende für das Hospiz und dankt den Pflegerinnen für ihre Geduld. Das Bestattungshaus "
        "Harrer ist zu jeder Stunde für Sie da und nimmt auch Grüße im Kondolenzbuch entgegen.",
        {
            "name": _NAMEN,
            "ort": _ORTE,
            "age": [str(n) for n in range(70, 99, 3)],
            "beruf": [
                "Sie webte vierzig Jahre lang.",
                "Er trug die Post aus.",
                "Sie führte den Laden am Markt.",
            ],
        },
    ),
    "Meldungen über einem Hinweis": Form(
        "de",
        "{was} in {ort}",
        "In {ort} gab es am {tag} {was}. {name} sprach von einem Schaden von {summe} Euro. Der Anzeiger"
        " erscheint jeden Werktag und gehört seinen Lesern, die für neun Kronen im Jahr Mitglied werden"
        " können. Zuschriften erreichen uns bis Mittwoch und können gekürzt werden. Entlaufene Katzen "
        "melden wir kostenlos, gefundene ebenso. Das Büro am Markt ist an jedem Werktag von acht bis "
        "vier Uhr geöffnet, am ersten Samstag im Monat bis zum Mittag. Wer einen Fehler findet, sagt es"
        " bitte der Redaktion.",
        {
            "ort": _ORTE,
            "tag": ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag"],
            "was": ["einen Brand", "einen Unfall", "ein Hochwasser", "einen Einbruch", "einen Stromausfall"],
            "name": _NAMEN,
            "summe": ["4000", "12000", "900", "65000"],
        },
    ),
    "матчи": Form(
        "ru",
        "{name} принёс победу команде «{home}»",
        "Команда «{home}» в субботу приняла «{away}» в двенадцатом туре прибрежной лиги, встреча "
        "закончилась со счётом {score}. Решающий момент создал {name}, оказавшийся на месте, когда это "
        "было нужно, и хозяева долго владели мячом. У гостей были возможности в конце встречи, но они "
        "не смогли пройти хорошо выстроенную оборону. Теперь обе команды готовятся к кубку, жеребьёвка "
        "пройдёт в понедельник в полдень, а билеты поступят в продажу в кассы стадиона со вторника.",
        {
            "home": ["Север", "Заря", "Маяк", "Прибой", "Волна"],
            "away": ["Утёс", "Вымпел", "Родник", "Компас", "Гавань", "Бригантина"],
            "name": _IMENA,
            "score": ["2:1", "3:0", "1:0", "4:2", "5:3", "6:2", "3:2"],
        },
    ),
    "землетрясения": Form(
        "ru",
        "Землетрясение магнитудой {size} произошло в районе города {town}",
        "Землетрясение магнитудой {size} произошло в районе города {town}, сообщил сейсмологический "
        "центр. Очаг находился на глубине {depth} километров. Сообщений о разрушениях и пострадавших "
        "пока не поступало. Жители рассказали, что ощущали толчки несколько секунд, некоторые выбежали "
        "на улицу. Власти проверяют мосты, школы и больницы и просят держаться подальше от стен с "
        "трещинами.",
        {
            "size": ["5,2", "6,1", "4,8", "5,9", "6,4", "5,6", "4,4"],
            "town": ["Измир", "Вальдивия", "Паданг", "Керманшах", "Оахака"],
            "depth": ["10", "33", "72", "18", "25", "41"],
        },
    ),
    "地震": Form(
        "zh",
        "{town}附近发生{size}级地震",
        "据地震台网测定，{country}{town}附近{time}发生{size}级地震，震源深度{depth}公里。目前没有人员伤亡和财产损失的"
        "报告。当地居民说，震感持续了几秒钟，一些人跑到街上。官员们表示，正在检查桥梁、学校和医院，并请民众远离有裂缝"
        "的墙壁，注意可能发生的余震，不要相信和传播没有根据的消息，有关情况将及时向社会公布。",
        {
            "size": ["5.2", "6.1", "4.8", "5.9", "6.4", "5.6", "4.4"],
            "town": ["伊兹密尔", "瓦尔迪维亚", "巴东", "克尔曼沙赫", "瓦哈卡", "喀什", "花莲"],
            "country": ["土耳其", "智利", "印尼", "伊朗", "墨西哥"],
            "time": ["周一凌晨三时", "周三下午两时", "周五上午十时", "周日晚间九时"],
            "depth": ["10", "33", "72", "18", "25", "41"],
        },
    ),
    "公告": Form(
        "zh",
        "{firm}{news}",
        "{firm}今天宣布，公司{news}，由{name}负责，总投资为{cost}亿元。关于本集团：本集团是全球领先的港口传感器制造商，"
        "从上海、鹿特丹和新加坡的办事处为四十多个国家的客户提供服务。集团成立于一九八八年，现有员工两千人，在香港上市。"
        "其产品昼夜不停地监测世界各地九百多个港口、船闸和桥梁。本公告包含涉及风险和不确定性的前瞻性陈述，实际结果可能"
        "与其所述或暗示的有所不同，除法律要求外，公司不承担更新的义务，投资者不应过分依赖。",
        {
            "firm": ["海岳仪器", "东方港务", "蓝石电子", "长风船舶", "金桥软件"],
            "news": ["将在宁波建设新工厂", "收购一家竞争对手", "与供应商达成和解", "任命新的董事长"],
            "name": ["王丽华", "陈志强", "赵文静", "孙国庆", "刘晓梅", "周建平"],
            "cost": ["3", "12", "8", "45", "27", "6", "19"],
        },
    ),
}
