"""Knows time zones by Windows' names, which Azure's schedules take, and by IANA's.

The names are those of azure-ai-ml's `TimeZone`. Which place is in which zone: Unicode's CLDR,
`windowsZones`, whose first place of a zone comes first here.
"""

from collections.abc import Mapping
from functools import cache

from runner.declarations.document import Node
from runner.declarations.problem import refusal
from runner.declarations.reader import read_str
from runner.nearest import nearest

_ZONES = """\
Dateline Standard Time: Etc/GMT+12
UTC-11: Etc/GMT+11 Pacific/Midway Pacific/Niue Pacific/Pago_Pago
Aleutian Standard Time: America/Adak
Hawaiian Standard Time: Pacific/Honolulu Pacific/Rarotonga Pacific/Tahiti
Marquesas Standard Time: Pacific/Marquesas
Alaskan Standard Time: America/Anchorage America/Juneau America/Metlakatla America/Nome
  America/Sitka America/Yakutat
UTC-09: Etc/GMT+9 Pacific/Gambier
Pacific Standard Time (Mexico): America/Tijuana
UTC-08: Etc/GMT+8 Pacific/Pitcairn
Pacific Standard Time: America/Los_Angeles
US Mountain Standard Time: America/Phoenix America/Creston America/Dawson_Creek
  America/Fort_Nelson America/Hermosillo
Mountain Standard Time (Mexico): America/Mazatlan
Mountain Standard Time: America/Denver America/Boise America/Cambridge_Bay America/Ciudad_Juarez
Central America Standard Time: America/Guatemala America/Belize America/Costa_Rica
  America/El_Salvador America/Managua America/Tegucigalpa Pacific/Galapagos
Central Standard Time: America/Chicago America/Indiana/Knox America/Indiana/Tell_City
  America/Matamoros America/Menominee America/North_Dakota/Beulah America/North_Dakota/Center
  America/North_Dakota/New_Salem America/Ojinaga America/Rankin_Inlet America/Resolute
Easter Island Standard Time: Pacific/Easter
Central Standard Time (Mexico): America/Mexico_City America/Bahia_Banderas America/Chihuahua
  America/Merida America/Monterrey
Canada Central Standard Time: America/Regina America/Swift_Current
SA Pacific Standard Time: America/Bogota America/Atikokan America/Cayman America/Eirunepe
  America/Guayaquil America/Jamaica America/Lima America/Panama America/Rio_Branco
Eastern Standard Time (Mexico): America/Cancun
Eastern Standard Time: America/New_York America/Detroit America/Indiana/Petersburg
  America/Indiana/Vincennes America/Indiana/Winamac America/Iqaluit America/Kentucky/Louisville
  America/Kentucky/Monticello America/Nassau America/Toronto
Haiti Standard Time: America/Port-au-Prince
Cuba Standard Time: America/Havana
US Eastern Standard Time: America/Indianapolis America/Indiana/Indianapolis
  America/Indiana/Marengo America/Indiana/Vevay
Paraguay Standard Time: America/Asuncion
Atlantic Standard Time: America/Halifax America/Glace_Bay America/Goose_Bay America/Moncton
  America/Thule Atlantic/Bermuda
Venezuela Standard Time: America/Caracas
Central Brazilian Standard Time: America/Cuiaba America/Campo_Grande
SA Western Standard Time: America/La_Paz America/Anguilla America/Antigua America/Aruba
  America/Barbados America/Blanc-Sablon America/Boa_Vista America/Curacao America/Dominica
  America/Grenada America/Guadeloupe America/Guyana America/Kralendijk America/Lower_Princes
  America/Manaus America/Marigot America/Martinique America/Montserrat America/Port_of_Spain
  America/Porto_Velho America/Puerto_Rico America/Santo_Domingo America/St_Barthelemy
  America/St_Kitts America/St_Lucia America/St_Thomas America/St_Vincent America/Tortola
Pacific SA Standard Time: America/Santiago
Turks And Caicos Standard Time: America/Grand_Turk
Newfoundland Standard Time: America/St_Johns
Tocantins Standard Time: America/Araguaina
E. South America Standard Time: America/Sao_Paulo
SA Eastern Standard Time: America/Cayenne America/Belem America/Fortaleza America/Maceio
  America/Paramaribo America/Recife America/Santarem Antarctica/Palmer Antarctica/Rothera
  Atlantic/Stanley
Argentina Standard Time: America/Buenos_Aires America/Argentina/Buenos_Aires
  America/Argentina/Catamarca America/Argentina/Cordoba America/Argentina/Jujuy
  America/Argentina/La_Rioja America/Argentina/Mendoza America/Argentina/Rio_Gallegos
  America/Argentina/Salta America/Argentina/San_Juan America/Argentina/San_Luis
  America/Argentina/Tucuman America/Argentina/Ushuaia
Greenland Standard Time: America/Godthab America/Nuuk
Montevideo Standard Time: America/Montevideo
Saint Pierre Standard Time: America/Miquelon
Bahia Standard Time: America/Bahia
UTC-02: Etc/GMT+2 America/Noronha Atlantic/South_Georgia
Mid-Atlantic Standard Time:
Azores Standard Time: Atlantic/Azores America/Scoresbysund
Cape Verde Standard Time: Atlantic/Cape_Verde
UTC: Etc/UTC UTC
Morocco Standard Time: Africa/Casablanca Africa/El_Aaiun
GMT Standard Time: Europe/London Atlantic/Canary Atlantic/Faroe Atlantic/Madeira Europe/Dublin
  Europe/Guernsey Europe/Isle_of_Man Europe/Jersey Europe/Lisbon
Greenwich Standard Time: Atlantic/Reykjavik Africa/Abidjan Africa/Accra Africa/Bamako
  Africa/Banjul Africa/Bissau Africa/Conakry Africa/Dakar Africa/Freetown Africa/Lome
  Africa/Monrovia Africa/Nouakchott Africa/Ouagadougou America/Danmarkshavn Atlantic/St_Helena
W. Europe Standard Time: Europe/Berlin Arctic/Longyearbyen Europe/Amsterdam Europe/Andorra
  Europe/Busingen Europe/Gibraltar Europe/Luxembourg Europe/Malta Europe/Monaco Europe/Oslo
  Europe/Rome Europe/San_Marino Europe/Stockholm Europe/Vaduz Europe/Vatican Europe/Vienna
  Europe/Zurich
Central Europe Standard Time: Europe/Budapest Europe/Belgrade Europe/Bratislava Europe/Ljubljana
  Europe/Podgorica Europe/Prague Europe/Tirane
Romance Standard Time: Europe/Paris Africa/Ceuta Europe/Brussels Europe/Copenhagen Europe/Madrid
Central European Standard Time: Europe/Warsaw Europe/Sarajevo Europe/Skopje Europe/Zagreb
W. Central Africa Standard Time: Africa/Lagos Africa/Algiers Africa/Bangui Africa/Brazzaville
  Africa/Douala Africa/Kinshasa Africa/Libreville Africa/Luanda Africa/Malabo Africa/Ndjamena
  Africa/Niamey Africa/Porto-Novo Africa/Tunis
Namibia Standard Time: Africa/Windhoek
Jordan Standard Time: Asia/Amman
GTB Standard Time: Europe/Bucharest Asia/Famagusta Asia/Nicosia Europe/Athens
Middle East Standard Time: Asia/Beirut
Egypt Standard Time: Africa/Cairo
E. Europe Standard Time: Europe/Chisinau
Syria Standard Time: Asia/Damascus
West Bank Standard Time: Asia/Hebron Asia/Gaza
South Africa Standard Time: Africa/Johannesburg Africa/Blantyre Africa/Bujumbura Africa/Gaborone
  Africa/Harare Africa/Kigali Africa/Lubumbashi Africa/Lusaka Africa/Maputo Africa/Maseru
  Africa/Mbabane
FLE Standard Time: Europe/Kiev Europe/Helsinki Europe/Kyiv Europe/Mariehamn Europe/Riga
  Europe/Sofia Europe/Tallinn Europe/Vilnius
Turkey Standard Time: Europe/Istanbul
Israel Standard Time: Asia/Jerusalem
Kaliningrad Standard Time: Europe/Kaliningrad
Libya Standard Time: Africa/Tripoli
Arabic Standard Time: Asia/Baghdad
Arab Standard Time: Asia/Riyadh Asia/Aden Asia/Bahrain Asia/Kuwait Asia/Qatar
Belarus Standard Time: Europe/Minsk
Russian Standard Time: Europe/Moscow Europe/Kirov Europe/Simferopol
E. Africa Standard Time: Africa/Nairobi Africa/Addis_Ababa Africa/Asmara Africa/Dar_es_Salaam
  Africa/Djibouti Africa/Kampala Africa/Mogadishu Antarctica/Syowa Indian/Antananarivo
  Indian/Comoro Indian/Mayotte
Iran Standard Time: Asia/Tehran
Arabian Standard Time: Asia/Dubai Asia/Muscat
Astrakhan Standard Time: Europe/Astrakhan Europe/Ulyanovsk
Azerbaijan Standard Time: Asia/Baku
Russia Time Zone 3: Europe/Samara
Mauritius Standard Time: Indian/Mauritius Indian/Mahe Indian/Reunion
Georgian Standard Time: Asia/Tbilisi
Caucasus Standard Time: Asia/Yerevan
Afghanistan Standard Time: Asia/Kabul
West Asia Standard Time: Asia/Tashkent Antarctica/Mawson Asia/Almaty Asia/Aqtau Asia/Aqtobe
  Asia/Ashgabat Asia/Atyrau Asia/Dushanbe Asia/Oral Asia/Qostanay Asia/Samarkand
  Indian/Kerguelen Indian/Maldives
Ekaterinburg Standard Time: Asia/Yekaterinburg
Pakistan Standard Time: Asia/Karachi
India Standard Time: Asia/Calcutta Asia/Kolkata
Sri Lanka Standard Time: Asia/Colombo
Nepal Standard Time: Asia/Katmandu Asia/Kathmandu
Central Asia Standard Time: Asia/Bishkek Antarctica/Vostok Asia/Urumqi Indian/Chagos
Bangladesh Standard Time: Asia/Dhaka Asia/Thimphu
N. Central Asia Standard Time: Asia/Novosibirsk
Myanmar Standard Time: Asia/Rangoon Asia/Yangon Indian/Cocos
SE Asia Standard Time: Asia/Bangkok Antarctica/Davis Asia/Ho_Chi_Minh Asia/Jakarta
  Asia/Phnom_Penh Asia/Pontianak Asia/Vientiane Indian/Christmas
Altai Standard Time: Asia/Barnaul
W. Mongolia Standard Time: Asia/Hovd
North Asia Standard Time: Asia/Krasnoyarsk Asia/Novokuznetsk
Tomsk Standard Time: Asia/Tomsk
China Standard Time: Asia/Shanghai Asia/Hong_Kong Asia/Macau
North Asia East Standard Time: Asia/Irkutsk
Singapore Standard Time: Asia/Singapore Asia/Brunei Asia/Kuala_Lumpur Asia/Kuching Asia/Makassar
  Asia/Manila
W. Australia Standard Time: Australia/Perth
Taipei Standard Time: Asia/Taipei
Ulaanbaatar Standard Time: Asia/Ulaanbaatar
North Korea Standard Time: Asia/Pyongyang
Aus Central W. Standard Time: Australia/Eucla
Transbaikal Standard Time: Asia/Chita
Tokyo Standard Time: Asia/Tokyo Asia/Dili Asia/Jayapura Pacific/Palau
Korea Standard Time: Asia/Seoul
Yakutsk Standard Time: Asia/Yakutsk Asia/Khandyga
Cen. Australia Standard Time: Australia/Adelaide Australia/Broken_Hill
AUS Central Standard Time: Australia/Darwin
E. Australia Standard Time: Australia/Brisbane Australia/Lindeman
AUS Eastern Standard Time: Australia/Sydney Australia/Melbourne
West Pacific Standard Time: Pacific/Port_Moresby Antarctica/DumontDUrville Pacific/Chuuk
  Pacific/Guam Pacific/Saipan
Tasmania Standard Time: Australia/Hobart Antarctica/Macquarie
Vladivostok Standard Time: Asia/Vladivostok Asia/Ust-Nera
Lord Howe Standard Time: Australia/Lord_Howe
Bougainville Standard Time: Pacific/Bougainville
Russia Time Zone 10: Asia/Srednekolymsk
Magadan Standard Time: Asia/Magadan
Norfolk Standard Time: Pacific/Norfolk
Sakhalin Standard Time: Asia/Sakhalin
Central Pacific Standard Time: Pacific/Guadalcanal Antarctica/Casey Pacific/Efate Pacific/Kosrae
  Pacific/Noumea Pacific/Pohnpei
Russia Time Zone 11: Asia/Kamchatka Asia/Anadyr
New Zealand Standard Time: Pacific/Auckland Antarctica/McMurdo
UTC+12: Etc/GMT-12 Pacific/Funafuti Pacific/Kwajalein Pacific/Majuro Pacific/Nauru
  Pacific/Tarawa Pacific/Wake Pacific/Wallis
Fiji Standard Time: Pacific/Fiji
Kamchatka Standard Time:
Chatham Islands Standard Time: Pacific/Chatham
Tonga Standard Time: Pacific/Tongatapu
Samoa Standard Time: Pacific/Apia
Line Islands Standard Time: Pacific/Kiritimati
"""


UTC = "UTC"


def read_time_zone(node: Node, key: str) -> str:
    """Read a time zone by either of its names, as Azure's. Raises DeclarationError."""
    text = read_str(node, key)
    zones = time_zones()
    for name, windows in zones.items():
        if name.lower() == text.lower():
            return windows
    hint = nearest(text, zones) or "; such as Europe/Berlin or W. Europe Standard Time"
    raise refusal(node.place, key, f"there is no time zone {text!r} on Azure{hint}")


@cache
def time_zones() -> Mapping[str, str]:
    """Return Azure's name of every zone by each of its names, that one first."""
    zones: dict[str, str] = {}
    for line in _ZONES.replace("\n  ", " ").splitlines():
        windows, _, places = line.partition(":")
        zones |= dict.fromkeys((windows, *places.split()), windows)
    return zones
