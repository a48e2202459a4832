//! Invented words from which the simulated people are made.

/// Given names: as shown, and in plain ASCII for addresses.
pub(crate) const FIRST: &[(&str, &str)] = &[
    ("Aldrina", "aldrina"),
    ("Brünwen", "brunwen"),
    ("Casimor", "casimor"),
    ("Délphine", "delphine"),
    ("Ewelund", "ewelund"),
    ("Fjørrik", "fjorrik"),
    ("Galvane", "galvane"),
    ("Hestrid", "hestrid"),
    ("Ílmarë", "ilmare"),
    ("Jorvena", "jorvena"),
    ("Kestuan", "kestuan"),
    ("Łucjana", "lucjana"),
    ("Mirabeth", "mirabeth"),
    ("Nérvin", "nervin"),
    ("Ormelle", "ormelle"),
    ("Perrigo", "perrigo"),
    ("Quillon", "quillon"),
    ("Rosvita", "rosvita"),
    ("Şerinay", "serinay"),
    ("Tavrin", "tavrin"),
    ("Ulvhild", "ulvhild"),
    ("Vesper Ann", "vesperann"),
    ("Wystan", "wystan"),
    ("Xandrel", "xandrel"),
    ("Yolivar", "yolivar"),
    ("Živka", "zivka"),
    ("Анфелия", "anfelia"),
    ("Νιρέας", "nireas"),
    ("Oona-May", "oonamay"),
    ("Dariush", "dariush"),
    ("Ñandor", "nandor"),
    ("Pelléane", "pelleane"),
];

/// Family names: as shown, and in plain ASCII for addresses.
pub(crate) const LAST: &[(&str, &str)] = &[
    ("Abernook", "abernook"),
    ("Brightwater", "brightwater"),
    ("Càrnavell", "carnavell"),
    ("Dunmarrow", "dunmarrow"),
    ("Eskelström", "eskelstrom"),
    ("Fennimoor", "fennimoor"),
    ("Grauwölfe", "grauwolfe"),
    ("Hollinsgrave", "hollinsgrave"),
    ("Ivarsholt", "ivarsholt"),
    ("Jarrowdale", "jarrowdale"),
    ("Kłosowiak", "klosowiak"),
    ("Lanthorne", "lanthorne"),
    ("Mørkeby", "morkeby"),
    ("Nettlecombe", "nettlecombe"),
    ("O'Tarrisk", "otarrisk"),
    ("Penhallock", "penhallock"),
    ("Quenneville-Sault", "quennevillesault"),
    ("Ravenscar", "ravenscar"),
    ("Szálkay", "szalkay"),
    ("Thistlewaite", "thistlewaite"),
    ("Umberfold", "umberfold"),
    ("van der Quill", "vanderquill"),
    ("Wexcombe", "wexcombe"),
    ("Ximénord", "ximenord"),
    ("Yarrowby", "yarrowby"),
    ("Żernik", "zernik"),
    ("Årsted", "arsted"),
    ("Çelikova", "celikova"),
    ("D’Orvaine", "dorvaine"),
    ("Ostrannik", "ostrannik"),
    ("Peverelle", "peverelle"),
    ("Tûrmelin", "turmelin"),
    ("Belasko", "belasko"),
    ("Cranmarsh", "cranmarsh"),
    ("Ilverton", "ilverton"),
];

/// Job titles.
pub(crate) const TITLES: &[&str] = &[
    "Director",
    "Research Fellow",
    "Programme Manager",
    "Analyst",
    "Consultant",
    "Professor",
    "Head of R&D",
    "Engineer",
    "Editor",
    "Treasurer",
    "Coördinator",
    "Student",
    "Librarian",
];

/// Companies.
pub(crate) const COMPANIES: &[&str] = &[
    "Lumora Group",
    "Orvane & Sons",
    "Tessellate Labs",
    "Kvällsjö AB",
    "Marrowfield Trust",
    "Pinnaclet <North>",
    "Brellum Institute",
    "Université de Valmorie",
    "Sable \"Quick\" Works",
    "Ninefold Partners",
    "Ostwick Hospital",
];

/// Places: city, state (where there is one), country code.
pub(crate) const PLACES: &[(&str, Option<&str>, &str)] = &[
    ("Port Avalen", Some("CA"), "USA"),
    ("Mossbridge", Some("OR"), "USA"),
    ("Cedar Hollow", Some("WA"), "USA"),
    ("Dry Fork", Some("NV"), "USA"),
    ("Lakemont", Some("IL"), "USA"),
    ("New Harwick", Some("NY"), "USA"),
    ("Stillwater Bend", Some("TX"), "USA"),
    ("Old Ferry", Some("VA"), "USA"),
    ("Quarry Hill", Some("MA"), "USA"),
    ("Saint-Élode", Some("QC"), "CAN"),
    ("Northmere", Some("ON"), "CAN"),
    ("Grünau am See", None, "DEU"),
    ("Lindvåg", None, "SWE"),
    ("Vallombra", None, "ITA"),
    ("Kilmarra", None, "IRL"),
    ("Ōhamura", None, "JPN"),
];

/// States which make up the region "West".
pub(crate) const WEST: &[&str] = &["CA", "OR", "WA", "NV"];

/// Domains of addresses, each under the reserved `.example`.
pub(crate) const DOMAINS: &[&str] = &[
    "lumora.example",
    "orvane.example",
    "mail.tessellate.example",
    "kvallsjo.example",
    "marrowfield.example",
    "brellum.example",
    "valmorie.example",
    "ninefold.example",
];
