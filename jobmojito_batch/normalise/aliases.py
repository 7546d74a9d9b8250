"""
Which headers mean which field: data only, read by headers.py.

Written as people write them; case, accents, punctuation and blanks do not matter (`E-Mail`,
`e mail` and `EMAIL` are one). A field has ranks: where a file has several of its headers, the
first rank wins, and two of one rank are an error. So one rank holds what cannot stand beside each
other in an ordinary export: translations and spellings of one thing. The API's own names are rank
0 of their fields and need not be listed.
"""

from itertools import product
from typing import Final

from jobmojito_batch.columns import FIRST_NAME, LAST_NAME, RESUME_FILE


def _of_person(*words: str) -> tuple[str, ...]:
    """The words with everything an export may call a candidate before them."""
    people = (
        "candidate", "candidate's", "applicant", "applicant's", "person", "job seeker",
        "bewerber", "kandidat", "kandidaten", "candidat", "candidato", "uchádzač", "uchazeč",
        "kandydat", "sollicitant",
    )  # fmt: skip
    return tuple(f"{person} {word}" for person, word in product(people, words))


def _of_job(*words: str) -> tuple[str, ...]:
    jobs = ("job", "position", "vacancy", "requisition", "posting", "opening", "job posting",
            "job requisition", "job order")  # fmt: skip
    return tuple(f"{job} {word}" for job, word in product(jobs, words))


_PERSON: Final = {
    "fr": ("du candidat", "de la candidate", "candidat"),
    "de": ("des bewerbers", "der bewerberin", "des kandidaten", "der kandidatin"),
    "es": ("del candidato", "de la candidata", "candidato"),
    "pl": ("kandydata", "kandydatki"),
    "sk": ("uchádzača", "uchádzačky", "kandidáta"),
    "cs": ("uchazeče", "uchazečky", "kandidáta"),
}
_JOB: Final = {
    "fr": ("du poste", "de l'offre", "poste"),
    "de": ("der stelle", "der position"),
    "es": ("del puesto", "de la vacante", "puesto"),
    "pl": ("stanowiska", "oferty"),
    "sk": ("pozície", "pracovnej pozície"),
    "cs": ("pozice", "pracovní pozice"),
}


def _followed(owners: dict[str, tuple[str, ...]], **words: str) -> tuple[str, ...]:
    """`Pays du candidat`, `Ort der Stelle`: words by language (parted by |), and whose they are."""
    return tuple(
        f"{word} {owner}"
        for language, said in words.items()
        for word, owner in product(said.split("|"), owners[language])
    )


_NAME_OF_PERSON: Final = _followed(
    _PERSON, fr="nom", de="name", es="nombre", pl="imię", sk="meno", cs="jméno"
)
"""Bare names all the same, see BARE_NAMES."""

ALIASES: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "candidate_name": (
        (*_of_person("name", "full name"), "person full name first last", "name des bewerbers",
         "jméno uchazeče", "meno uchádzača", "nom du candidat", "nombre del candidato",
         "imię i nazwisko kandydata", "nome del candidato", "nome do candidato",
         "naam kandidaat", *_NAME_OF_PERSON,
         *_followed(_PERSON, fr="nom complet|nom et prénom|prénom et nom", pl="imię i nazwisko",
                    de="vollständiger name|vor- und nachname",
                    es="nombre completo|nombre y apellidos",
                    sk="celé meno|meno a priezvisko", cs="celé jméno|jméno a příjmení")),
        ("full name", "name full", "complete name", "vollständiger name", "vor- und nachname",
         "vorname und nachname", "vorname nachname", "name vorname", "name, vorname",
         "nachname, vorname", "celé meno", "meno a priezvisko", "priezvisko a meno", "celé jméno",
         "jméno a příjmení", "příjmení a jméno", "nom complet", "nom et prénom", "nom prénom",
         "prénom et nom", "nombre completo", "nombre y apellidos", "nombre y apellido",
         "imię i nazwisko", "nazwisko i imię", "nome completo", "nome e cognome",
         "cognome e nome", "volledige naam", "naam en voornaam", "teljes név"),
        # The bare names come here too, see BARE_NAMES.
        ("name", "nom", "naam", "meno", "jméno", "imię", "nombre", "nome", "név"),
        ("candidate", "applicant", "job seeker", "bewerber", "bewerber/in", "bewerberin",
         "kandidat", "kandidat/in", "kandidát", "uchádzač", "uchazeč", "candidat", "candidato",
         "kandydat", "kandidaat", "sollicitant"),
    ),
    FIRST_NAME: (
        (*_of_person("first name", "given name", "vorname", "prénom", "firstname", "first"),
         *_followed(_PERSON, fr="prénom", de="vorname", es="nombre de pila", pl="pierwsze imię",
                    sk="krstné meno", cs="křestní jméno")),
        ("first name", "given name", "given names", "forename", "vorname", "rufname",
         "krstné meno", "křestní jméno", "prénom", "nombre de pila", "imiona", "pierwsze imię",
         "primo nome", "primeiro nome", "voornaam", "first names", "keresztnév", "nombres"),
        ("legal first name", "first name legal"),
        ("preferred first name", "preferred name", "first name preferred"),
    ),
    LAST_NAME: (
        (*_of_person("last name", "family name", "surname", "nachname", "nom de famille", "last"),
         *_followed(_PERSON, fr="nom de famille", de="nachname|familienname", pl="nazwisko",
                    es="apellido|apellidos", sk="priezvisko", cs="příjmení")),
        ("last name", "surname", "family name", "nachname", "familienname", "zuname",
         "priezvisko", "příjmení", "nom de famille", "apellido", "apellidos", "nazwisko",
         "cognome", "sobrenome", "apelido", "apelidos", "achternaam", "vezetéknév"),
        # Of two surnames the first, of a married person's names the one in use.
        ("primer apellido", "apellido paterno", "apellido 1", "nom d'usage", "nom usuel"),
        ("legal last name", "last name legal"),
        ("preferred last name",),
    ),
    "candidate_email": (
        (*_of_person("email", "email address", "email id", "mail", "e-mail-adresse"),
         "e-mail des bewerbers", "e-mail uchádzača", "e-mail uchazeče", "e-mail du candidat",
         *_followed(_PERSON, fr="e-mail|mail|adresse e-mail|adresse mail|courriel",
                    de="e-mail|e-mail-adresse|mailadresse", pl="e-mail|adres e-mail",
                    es="e-mail|correo|correo electrónico|dirección de correo electrónico",
                    sk="e-mail|e-mailová adresa", cs="e-mail|e-mailová adresa")),
        ("primary email", "primary email address", "main email", "email primary"),
        ("email", "email address", "email id", "e-mail-adresse", "emailadresse", "mail-adresse",
         "mailadresse", "e-mailová adresa", "emailová adresa", "adresse e-mail", "adresse mail",
         "adresse électronique", "courriel", "correo", "correo electrónico", "adres e-mail",
         "adres mailowy", "poczta elektroniczna", "indirizzo e-mail", "indirizzo email",
         "posta elettronica", "endereço de e-mail", "correio eletrônico", "e-mailadres",
         "e-mail cím", "direccion de correo electrónico", "email 1"),
        ("mail", "emails", "email addresses", "e-mails",
         *_of_person("emails", "e-mails", "email addresses")),
        ("personal email", "personal email address", "private email", "home email",
         "private e-mail-adresse", "email personal", "email private"),
        ("work email", "work email address", "business email"),
    ),
    "candidate_country_code": (
        (*_of_person("country", "country code", "country name", "land", "pays", "país"),
         "country of residence", "residence country", "home country", "wohnsitzland",
         "wohnland", "krajina bydliska", "země bydliště", "pays de résidence",
         "país de residencia", "kraj zamieszkania", "paese di residenza", "woonland",
         *_followed(_PERSON, fr="pays|pays de résidence", de="land|wohnsitzland|wohnland",
                    es="país|país de residencia", pl="kraj|kraj zamieszkania",
                    sk="krajina|štát|krajina bydliska", cs="země|stát|země bydliště")),
        ("country code", "country iso", "iso country", "iso country code", "ländercode",
         "länderkürzel", "landescode", "kód krajiny", "kód země", "code pays",
         "código de país", "kod kraju", "codice paese", "código do país", "landcode"),
        ("country", "land", "krajina", "štát", "země", "stát", "pays", "país", "kraj", "państwo",
         "paese", "nazione", "ország"),
        ("address country", "country region", "country/region"),
    ),
    "candidate_resume": (
        (*_of_person("resume text", "cv text", "resume", "cv", "lebenslauf"), "resume text",
         "cv text", "text of resume", "text of cv", "resume content", "cv content",
         "resume plain text", "lebenslauf text", "lebenslauftext", "text životopisu",
         "texte du cv", "texto del cv", "treść cv", "testo del cv", "texto do currículo",
         "parsed resume", "resume body",
         *_followed(_PERSON, fr="cv|texte du cv", de="lebenslauf|cv", es="cv|currículum",
                    pl="cv|życiorys", sk="životopis|cv", cs="životopis|cv")),
        ("resume", "résumé", "cv", "curriculum vitae", "curriculum", "lebenslauf", "životopis",
         "currículum", "hoja de vida", "życiorys", "currículo", "önéletrajz", "resume/cv",
         "cv/resume"),
    ),
    RESUME_FILE: (
        (*_of_person("resume file name", "cv file name", "resume filename", "cv filename"),
         "resume file", "cv file", "resume file name", "cv file name", "resume filename",
         "cv filename", "resume attachment", "cv attachment", "lebenslauf datei",
         "lebenslaufdatei", "súbor životopisu", "soubor životopisu", "fichier cv", "plik cv"),
    ),
    # An application stands for one person and one job, so its id tells invitations apart better
    # than the id of a person.
    "candidate_external_id": (
        ("application id", "app id", "applicationid", "bewerbungs-id", "bewerbung id",
         "id prihlášky", "id přihlášky", "id de candidature", "id de candidatura",
         "id aplikacji", "id candidatura", "sollicitatie id", "identifiant de candidature",
         "identifiant de la candidature", "id de la candidature", "id der bewerbung",
         "id de la candidatura", "id de la solicitud", "id zgłoszenia", "id kandydatury",
         "id žiadosti", "id žádosti"),
        ("opportunity id", "submission id", "job application id"),
        ("application number", "application no", "application reference", "bewerbungsnummer",
         "numéro de candidature", "numéro de la candidature", "nummer der bewerbung",
         "número de candidatura", "numer aplikacji", "numer zgłoszenia", "číslo prihlášky",
         "číslo přihlášky", "číslo žiadosti", "číslo žádosti"),
        ("external id", "candidate reference", "applicant reference", "external reference",
         "external candidate id", "external applicant id", "externe id", "id externe",
         "id externo", "id esterno"),
        ("reference number", "external ref", "reference id"),
        (*_of_person("id", "identifier"), "id kandidata", "id uchádzača", "id uchazeče",
         "id kandydata", "id candidat", "id candidato", "id del candidato", "kandidaat id",
         "candidateid", "person system id",
         *_followed(_PERSON, fr="id|identifiant", de="id|kennung", es="id|identificador",
                    pl="id|identyfikator", sk="id|identifikátor", cs="id|identifikátor")),
        _of_person("number", "no", "nummer"),
        ("source system identifier", "source system id"),
        ("id",),
    ),
    "candidate_linkedin_url": (
        (*_of_person("linkedin", "linkedin url", "linkedin profile"), "linkedin url",
         "linkedin profile url", "linkedin profile link"),
        ("linkedin", "linkedin profile", "linkedin link", "linkedin profil", "profil linkedin",
         "perfil de linkedin", "profilo linkedin", "perfil linkedin", "linkedin address",
         "linkedin-profiel"),
        ("public profile url", "profile url"),
    ),
    "position_name": (
        (*_of_job("title", "name"), "position applied for", "job applied for", "applied position",
         "applied job", "applied for", "jobbezeichnung", "stellenbezeichnung", "stellentitel",
         "positionsbezeichnung", "název pozice", "názov pozície", "názov pracovnej pozície",
         "název pracovní pozice", "intitulé du poste", "titre du poste", "nom du poste",
         "nombre del puesto", "título del puesto", "nazwa stanowiska", "titolo della posizione",
         "título da vaga", "nome da vaga", "functietitel", "vacaturetitel",
         *_followed(_JOB, fr="intitulé|titre|nom", de="titel|bezeichnung|name", pl="nazwa|tytuł",
                    es="título|nombre", sk="názov", cs="název")),
        ("job", "job job title and job code", "job job title", "stelle",
         "position", "pozícia", "pracovná pozícia",
         "pozice", "pracovní pozice",
         "poste", "puesto", "stanowisko", "posizione", "vaga", "posição", "vacature", "functie",
         "munkakör"),
        ("vacancy", "opening", "job opening", "requisition", "posting", "job posting",
         "vakanz", "ausgeschriebene stelle"),
        ("job requisition", "job order"),
        ("role", "job role", "rolle"),
    ),
    "position_location": (
        (*_of_job("location", "city", "office"), "location of job", "work location",
         "place of work", "workplace", "arbeitsort", "einsatzort", "dienstort", "arbeitsplatz",
         "miesto výkonu práce", "miesto práce", "místo výkonu práce", "místo práce",
         "lieu de travail", "lugar de trabajo", "miejsce pracy", "sede di lavoro",
         "luogo di lavoro", "local de trabalho", "werklocatie", "munkavégzés helye",
         *_followed(_JOB, fr="lieu|localisation|ville", de="ort|standort|arbeitsort|einsatzort",
                    es="lugar|ubicación|localidad|ciudad", pl="lokalizacja|miejsce|miasto",
                    sk="miesto|lokalita|mesto", cs="místo|lokalita|město")),
        ("office", "office location", "job site"),
        ("location", "standort", "lokalita", "miesto", "místo", "lieu", "ubicación",
         "lokalizacja", "località", "localização", "locatie"),
    ),
    "position_country_code": (
        (*_of_job("country", "country code"), "work country", "country of work", "country of job",
         "land der stelle", "einsatzland", "arbeitsland", "krajina pozície", "země pozice",
         "krajina výkonu práce", "pays du poste", "país del puesto", "kraj pracy",
         "paese di lavoro", "país da vaga", "werkland",
         *_followed(_JOB, fr="pays", de="land", es="país", pl="kraj", sk="krajina|štát",
                    cs="země|stát")),
    ),
    "position_external_id": (
        ("requisition id", "req id", "job requisition id", "job req id", "requisition number",
         "requisition code"),
        ("job id", "job order id", "job order number", "job job id",
         "stellen-id", "stellenid", "id pozície", "id pozice", "id du poste",
         "id stanowiska", "id da vaga", "vacature id", "vacancy id",
         *_followed(_JOB, fr="id|identifiant", de="id|kennung", es="id|identificador",
                    pl="id|identyfikator", sk="id|identifikátor", cs="id|identifikátor")),
        ("posting id", "job posting id"),
        ("opening id", "job opening id"),
        ("job code", "position code", "vacancy code", "stellennummer",
         *_followed(_JOB, fr="code|numéro|référence", de="nummer|code",
                    es="código|número|referencia",
                    pl="kod|numer", sk="kód|číslo", cs="kód|číslo")),
    ),
    "position_def_set_id": (
        ("jobmojito position id", "jobmojito position", "position def set"),
    ),
    "position_description": (
        ("short description", "job summary", "position summary", "short job description",
         "kurzbeschreibung"),
        ("description",),
    ),
    "position_description_long": (
        ("description long", "long description", "full description", "full job description"),
        ("job description", "vacancy description", "role description", "stellenbeschreibung",
         "popis pozície", "popis práce", "popis pozice", "description du poste",
         "descripción del puesto", "opis stanowiska", "descrizione del lavoro",
         "descrição da vaga", "functieomschrijving"),
    ),
    "mojito_language_code": (
        ("interview language", "interview language code", "language of interview",
         "interviewsprache", "sprache des interviews", "jazyk pohovoru", "jazyk rozhovoru",
         "langue de l'entretien", "idioma de la entrevista", "język rozmowy",
         "lingua del colloquio", "idioma da entrevista", "taal van het interview"),
        (*_of_job("language"),
         *_followed(_JOB, fr="langue", de="sprache", es="idioma", pl="język", sk="jazyk",
                    cs="jazyk")),
        ("language code", "sprachcode", "kód jazyka", "code langue", "taalcode"),
        ("language", "sprache", "jazyk", "langue", "idioma", "język", "lingua", "língua", "taal",
         "nyelv"),
    ),
}  # fmt: skip

BARE_NAMES: Final = (
    "name", "nom", "naam", "meno", "jméno", "imię", "nombre", "nome", "név", *_NAME_OF_PERSON,
)  # fmt: skip
"""
Headers that mean the full name when alone, the last name beside a first name (`Vorname`, `Name`),
the first name beside a last name (`Meno`, `Priezvisko`).
"""

NEVER_A_CANDIDATE: Final = (
    "recruiter", "hiring", "manager", "owner", "referrer", "referred by", "referral",
    "who gets credit", "coordinator", "created by", "added by", "updated by", "interviewer",
    "sourcer", "sourced by", "assigned to", "assignee", "supervisor", "approver", "agency",
    "contact person", "ansprechpartner", "personalverantwort", "verantwortlich", "empfohlen",
    "náborár", "náborář", "personalista", "recruteur", "reclutador", "rekruter", "reclutatore",
    "recrutador", "selecionador", "selezionatore", "talent partner", "talent acquisition",
    "hr business partner", "zodpovedn", "zodpovědn", "osoba kontaktowa", "kontaktná osoba",
    "kontaktní osoba", "persona de contacto", "personne de contact", "persona di contatto",
    "pessoa de contato", "contactpersoon", "responsable", "responsabile", "responsável",
    "vedúci", "vedoucí", "przełożon", "leidinggevende", "werver", "referee", "uploaded by",
    "submitted by", "entered by", "modified by", "invited by", "kolega", "colleague", "current",
    "previous", "emergency", "languages", "idiomas", "nationality",
    "consultant", "konsultant", "konzultant", "consultor", "consulente", "conseiller", "adviser",
    "advisor", "berater", "poradca", "poradce", "doradca", "headhunter", "employer", "client",
    "klient", "kunde", "vendor", "supplier", "reference person", "referenzgeber", "referenzperson",
    "referencie od", "polecając", "poleceni", "poleca", "doporuč", "odporúč", "recommandé par",
    "parrain", "recomendado por", "referido por", "recommended by", "agentur", "agentúra",
    "agence", "agencia", "agencja", "vermittler", "vorgesetzt", "führungskraft", "eigentümer",
    "inhaber", "vlastník", "propriétaire", "propietario", "właściciel", "entrevistador",
    "intervieweur", "gerente", "kierownik", "menedżer", "manažér", "manažer", "contact name",
    "erstellt von", "vytvoril", "vytvořil", "créé par", "creado por", "utworzon",
)  # fmt: skip
"""
A header with one of these in it belongs to somebody or something else, however much the rest of
it looks like a field: mapping `Recruiter email` would send every invitation to a colleague.
"""

ANOTHER_JOB: Final = (
    (("connected on", "first name", "last name"), ("position",)),
    (("pipeline stage", "note visibility"), ("job title", "location")),
    (("prospect pool", "who gets credit"), ("title",)),
)
"""
Exports of LinkedIn (connections, Recruiter) and Greenhouse (prospects), by headers that stand
together in no other, and those of their columns that tell of the job a person has, not of the one
they are invited for.
"""
