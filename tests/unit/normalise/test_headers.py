"""Which column is which: by the headers of real systems, and never a recruiter for a candidate."""

import pytest

from jobmojito_batch.columns import (
    FIRST_NAME,
    FOLLOWUP_COLUMNS,
    LAST_NAME,
    LEADING_COLUMNS,
    LETTER_COLUMNS,
    TECHNICAL_COLUMNS,
)
from jobmojito_batch.errors import InputError
from jobmojito_batch.normalise import (
    column_roles,
    map_headers,
    overrides_for,
    recognised,
    says_of_a_job,
)

FIRST, LAST, NAME, EMAIL = FIRST_NAME, LAST_NAME, "candidate_name", "candidate_email"
ID, JOB, PLACE, JOB_ID = (
    "candidate_external_id",
    "position_name",
    "position_location",
    "position_external_id",
)
COUNTRY, LANGUAGE, RESUME = "candidate_country_code", "mojito_language_code", "candidate_resume"

# The headers as the systems write them (reference: anchors, section 4), and what each column is;
# a column that is not named is carried.
SYSTEMS = {
    "personio-export": (
        "Candidate ID; Candidate name; Gender; Email address; Birthday; Available from; Expected "
        "salary; Candidate location; Final phase; Final phase date; Final status; Phone number; "
        "Application ID; Application date; Application tags; Days in current phase",
        {"Candidate name": NAME, "Email address": EMAIL, "Application ID": ID},
    ),
    "personio-import": (
        "first name; last name; email; status; job name; recruiting channel; application date",
        {"first name": FIRST, "last name": LAST, "email": EMAIL, "job name": JOB},
    ),
    "greenhouse-bulk-import": (
        "First Name; Last Name; Company; Title; Notes; Email; Phone; Social Media; Website; "
        "Address; Source; Who gets credit; Job; Department; Office; Prospect Pool; Milestone",
        {"First Name": FIRST, "Last Name": LAST, "Email": EMAIL, "Job": JOB, "Office": PLACE},
    ),
    "greenhouse-report": (
        "Job ID; Job Name; Opening Date; Recruiter; Hiring Manager; Candidate ID; Candidate Name; "
        "Application ID; Applied On; Current Stage; Source; Rejection Date",
        {"Job ID": JOB_ID, "Job Name": JOB, "Candidate Name": NAME, "Application ID": ID},
    ),
    "greenhouse-candidates": (
        "Candidate ID; First Name; Last Name; Email; Phone; Job; Stage; Status; Source; Recruiter; "
        "Created At; Rejection Reason",
        {"Candidate ID": ID, "First Name": FIRST, "Last Name": LAST, "Email": EMAIL, "Job": JOB},
    ),
    "bullhorn-candidates": (
        "First Name; Last Name; Email 1; Email 2; Owner; Job Order; Job Order ID; Country",
        {
            "First Name": FIRST,
            "Last Name": LAST,
            "Email 1": EMAIL,
            "Job Order": JOB,
            "Job Order ID": JOB_ID,
            "Country": COUNTRY,
        },
    ),
    "workday-requisition": (
        "Candidate; Candidate ID; Email Address; Job Requisition; Job Requisition ID; Primary "
        "Location; Job Family; Job Profile; Recruiter",
        {
            "Candidate": NAME,
            "Candidate ID": ID,
            "Email Address": EMAIL,
            "Job Requisition": JOB,
            "Job Requisition ID": JOB_ID,
        },
    ),
    "icims-search": (
        "Person : First; Person : Last; Person : Email; Job : Job Title; Job : Requisition ID",
        {
            "Person : First": FIRST,
            "Person : Last": LAST,
            "Person : Email": EMAIL,
            "Job : Job Title": JOB,
            "Job : Requisition ID": JOB_ID,
        },
    ),
    "lever-migration": (
        "Full-Name; Email; Date-Added; Stage; Archive-Reason; Archive-Date; Sources; Origin",
        {"Full-Name": NAME, "Email": EMAIL},
    ),
    "lever-export": (
        "Opportunity ID; Posting ID; Posting Title; Posting State; Candidate Name; Stage; Origin; "
        "Created At; Owner; Hiring Manager; Archived Reason",
        {"Opportunity ID": ID, "Posting ID": JOB_ID, "Posting Title": JOB, "Candidate Name": NAME},
    ),
    "icims": (
        "Job : Requisition ID; Job: System ID; Job: Job Title and Job Code; Person : System ID; "
        "Person : Full Name; Person : Email; Submittal Date; Recruiter Full Name; Hiring Manager : "
        "Full Name: First Last; Hiring Manager : Email",
        {
            "Job : Requisition ID": JOB_ID,
            "Job: Job Title and Job Code": JOB,
            "Person : System ID": ID,
            "Person : Full Name": NAME,
            "Person : Email": EMAIL,
        },
    ),
    "indeed": (
        "name; email; phone; status; candidate location; relevant experience; education; job "
        "title; job location; date; interest level; source",
        {"name": NAME, "email": EMAIL, "job title": JOB, "job location": PLACE},
    ),
    "linkedin-recruiter-import": (
        "First name; Last name; Email; Phone number; Job title; Company; Location; Pipeline stage; "
        "Note; Note visibility; Tags",
        {"First name": FIRST, "Last name": LAST, "Email": EMAIL, "Tags": "tags"},
    ),
    "linkedin-talent-hub": (
        "candidate_id; project_id; first_name; last_name; emails; phone_numbers; profile_url; "
        "sourcing_channels; hiring_state_id; created_time",
        {
            "candidate_id": ID,
            "first_name": FIRST,
            "last_name": LAST,
            "emails": EMAIL,
            "profile_url": "candidate_linkedin_url",
        },
    ),
    "linkedin-connections": (
        "First Name; Last Name; URL; Email Address; Company; Position; Connected On",
        {"First Name": FIRST, "Last Name": LAST, "Email Address": EMAIL},
    ),
    "workable": (
        "Name; Email; Phone; Headline; Address; Resume URL; Job; Stage; Source",
        {"Name": NAME, "Email": EMAIL, "Job": JOB},
    ),
    "hirevue": (
        "First name; Last name; Email; Phone; Mobile Phone; City; country; Recruiter email",
        {"First name": FIRST, "Last name": LAST, "Email": EMAIL, "country": COUNTRY},
    ),
    "trakstar": (
        "Candidate Name; Candidate Email; Source Type; Source; Referrer; Candidate Phone; "
        "Archived?; Opening ID; Opening",
        {"Candidate Name": NAME, "Candidate Email": EMAIL, "Opening ID": JOB_ID, "Opening": JOB},
    ),
    "recruiterbox": (
        "Candidate ID; Candidate Name; Candidate Email; Candidate Phone; Opening ID; Opening; "
        "Stage; Decision Status; Decision Reason",
        {
            "Candidate ID": ID,
            "Candidate Name": NAME,
            "Candidate Email": EMAIL,
            "Opening ID": JOB_ID,
            "Opening": JOB,
        },
    ),
    "clearcompany": (
        "Candidate ID; Candidate First Name; Candidate Last Name; Candidate Grade; Date Candidate "
        "Applied; Current Workflow Stage; Role; Requisition Title",
        {
            "Candidate ID": ID,
            "Candidate First Name": FIRST,
            "Candidate Last Name": LAST,
            "Requisition Title": JOB,
        },
    ),
    "applitrack": (
        "Applicant Number; Email Address; First Name; Middle Initial; Last Name; Other First Name; "
        "Area Code; 7 digit Phone; EndOfHeader",
        {"Applicant Number": ID, "Email Address": EMAIL, "First Name": FIRST, "Last Name": LAST},
    ),
    "jazzhr-like": (
        "App Id; Site Id; Site Name; Site Url; External Id; First Name; Last Name; Email",
        {"App Id": ID, "First Name": FIRST, "Last Name": LAST, "Email": EMAIL},
    ),
    "peopleforce": (
        "full_name; email; gender; skills; phone_numbers; skype_id; linkedin_url; position; "
        "location; facebook_url; date_of_birth; created_by_id",
        {
            "full_name": NAME,
            "email": EMAIL,
            "linkedin_url": "candidate_linkedin_url",
            "position": JOB,
            "location": PLACE,
        },
    ),
    "recruiting.com": (
        "Candidate_Email; FirstName; LastName; ResumeText; ResumeURL; Street Address",
        {"Candidate_Email": EMAIL, "FirstName": FIRST, "LastName": LAST, "ResumeText": RESUME},
    ),
    "german": (
        "Anrede;Vorname;Nachname;E-Mail-Adresse;Telefon;Stelle;Standort;Land;Ansprechpartner Mail",
        {
            "Vorname": FIRST,
            "Nachname": LAST,
            "E-Mail-Adresse": EMAIL,
            "Stelle": JOB,
            "Standort": PLACE,
            "Land": COUNTRY,
        },
    ),
    "slovak": (
        "Meno;Priezvisko;E-mail;Telefón;Pozícia;Miesto výkonu práce;Krajina;Jazyk pohovoru;"
        "Životopis;Zodpovedný náborár",
        {
            "Meno": FIRST,
            "Priezvisko": LAST,
            "E-mail": EMAIL,
            "Pozícia": JOB,
            "Miesto výkonu práce": PLACE,
            "Krajina": COUNTRY,
            "Jazyk pohovoru": LANGUAGE,
            "Životopis": RESUME,
        },
    ),
    "czech": (
        "Jméno;Příjmení;E-mailová adresa;Název pozice;Místo výkonu práce;Země;Jazyk;"
        "Text životopisu;Personalista e-mail",
        {
            "Jméno": FIRST,
            "Příjmení": LAST,
            "E-mailová adresa": EMAIL,
            "Název pozice": JOB,
            "Místo výkonu práce": PLACE,
            "Země": COUNTRY,
            "Jazyk": LANGUAGE,
            "Text životopisu": RESUME,
        },
    ),
    "polish": (
        "Imię;Nazwisko;Adres e-mail;Stanowisko;Miejsce pracy;Kraj;Język rozmowy;Życiorys;Rekruter",
        {
            "Imię": FIRST,
            "Nazwisko": LAST,
            "Adres e-mail": EMAIL,
            "Stanowisko": JOB,
            "Miejsce pracy": PLACE,
            "Kraj": COUNTRY,
            "Język rozmowy": LANGUAGE,
            "Życiorys": RESUME,
        },
    ),
    "french": (
        "Prénom;Nom;Adresse e-mail;Intitulé du poste;Lieu de travail;Pays;Langue de l'entretien;CV;"
        "E-mail du recruteur",
        {
            "Prénom": FIRST,
            "Nom": LAST,
            "Adresse e-mail": EMAIL,
            "Intitulé du poste": JOB,
            "Lieu de travail": PLACE,
            "Pays": COUNTRY,
            "Langue de l'entretien": LANGUAGE,
            "CV": RESUME,
        },
    ),
    "spanish": (
        "Nombre;Apellidos;Correo electrónico;Puesto;Lugar de trabajo;País;Idioma de la entrevista;"
        "Currículum;Correo del reclutador",
        {
            "Nombre": FIRST,
            "Apellidos": LAST,
            "Correo electrónico": EMAIL,
            "Puesto": JOB,
            "Lugar de trabajo": PLACE,
            "País": COUNTRY,
            "Idioma de la entrevista": LANGUAGE,
            "Currículum": RESUME,
        },
    ),
    "italian": (
        "Nome;Cognome;Indirizzo e-mail;Posizione;Sede di lavoro;Paese;Lingua del colloquio;CV;"
        "E-mail del recruiter",
        {
            "Nome": FIRST,
            "Cognome": LAST,
            "Indirizzo e-mail": EMAIL,
            "Posizione": JOB,
            "Sede di lavoro": PLACE,
            "Paese": COUNTRY,
            "Lingua del colloquio": LANGUAGE,
            "CV": RESUME,
        },
    ),
    "portuguese": (
        "Nome;Sobrenome;E-mail;Vaga;Local de trabalho;País;Idioma da entrevista;Currículo;"
        "E-mail do recrutador",
        {
            "Nome": FIRST,
            "Sobrenome": LAST,
            "E-mail": EMAIL,
            "Vaga": JOB,
            "Local de trabalho": PLACE,
            "País": COUNTRY,
            "Idioma da entrevista": LANGUAGE,
            "Currículo": RESUME,
        },
    ),
    "dutch": (
        "Voornaam;Achternaam;E-mailadres;Functie;Werklocatie;Land;Taal van het interview;CV;"
        "E-mail recruiter",
        {
            "Voornaam": FIRST,
            "Achternaam": LAST,
            "E-mailadres": EMAIL,
            "Functie": JOB,
            "Werklocatie": PLACE,
            "Land": COUNTRY,
            "Taal van het interview": LANGUAGE,
            "CV": RESUME,
        },
    ),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_headers_of_real_systems_are_understood(system: str) -> None:
    """Nothing more is claimed than this table says, whoever else has an e-mail there."""
    text, expected = SYSTEMS[system]
    headers = [header.strip() for header in text.split(";")]
    roles = column_roles(headers, map_headers(headers))

    assert {header: role for header, role in roles if role != "carried"} == expected


SOMEBODY_ELSE = (
    "Recruiter Email", "Recruiter's e-mail", "Hiring Manager Email", "Manager E-Mail",
    "Owner Email",
    "Referrer Email", "Referred by (email)", "Who gets credit email", "Coordinator Email",
    "Created by email", "Interviewer Email", "Ansprechpartner E-Mail", "E-Mail des Recruiters",
    "Personalverantwortlicher E-Mail", "E-mail náborára", "E-mail personalistu",
    "Zodpovedná osoba e-mail", "E-mail náboráře", "Zodpovědná osoba e-mail", "E-mail rekrutera",
    "Osoba kontaktowa e-mail", "E-mail du recruteur", "Email du responsable",
    "Correo del reclutador", "Correo del responsable", "E-mail del recruiter",
    "Email del responsabile", "E-mail do recrutador", "E-mail do responsável", "E-mail recruiter",
    "E-mail contactpersoon", "Emergency Contact Email", "Agency Email",
)  # fmt: skip


@pytest.mark.parametrize("header", SOMEBODY_ELSE)
def test_somebody_elses_address_is_never_the_candidates(header: str) -> None:
    """Beside the candidate's, before it, or as the only address of the file."""
    assert "candidate_email" not in map_headers([header, "Name"]).fields
    assert map_headers([header, "E-Mail", "Name"]).fields["candidate_email"] == 1
    assert map_headers(["E-Mail", header, "Name"]).fields["candidate_email"] == 0


def test_map_may_name_any_column() -> None:
    """What a person says by name is theirs to decide."""
    mapping = map_headers(["Recruiter Email"], overrides={"Recruiter Email": "candidate_email"})

    assert mapping.fields == {"candidate_email": 0}


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        pytest.param(["Email", "E-Mail", "Name"], ("'Email'", "'E-Mail'"), id="two-spellings"),
        pytest.param(["Email", "Email", "Name"], ("column 1", "column 2"), id="the-same-twice"),
        pytest.param(["Email", "EMAIL ", "Name"], ("'Email'", "'EMAIL'"), id="case-and-blanks"),
        pytest.param(["Job Title", "Job Name"], ("'Job Title'", "'Job Name'"), id="other-words"),
    ],
)
def test_two_columns_for_one_field_are_named_both(
    headers: list[str], names: tuple[str, str]
) -> None:
    with pytest.raises(InputError) as caught:
        map_headers(headers)

    assert all(name in str(caught.value) for name in names), caught.value


JOB_COUNTRY = "position_country_code"
WHOSE = {
    "french": (
        "Identifiant de la candidature; Nom du candidat; Courriel du candidat; Pays du "
        "candidat; CV du candidat; Intitulé du poste; Lieu du poste; Pays du poste; Langue du "
        "poste; Identifiant du poste"
    ),
    "french-woman": (
        "ID de candidature; Nom complet de la candidate; E-mail de la candidate; Pays de la "
        "candidate; CV de la candidate; Titre du poste; Ville du poste; Pays du poste; Langue "
        "du poste; ID du poste"
    ),
    "german": (
        "ID der Bewerbung; Name des Bewerbers; E-Mail-Adresse des Bewerbers; Land des "
        "Bewerbers; Lebenslauf des Bewerbers; Titel der Stelle; Ort der Stelle; Land der "
        "Stelle; Sprache der Stelle; ID der Stelle"
    ),
    "spanish": (
        "ID de la candidatura; Nombre del candidato; Correo electrónico del candidato; País "
        "del candidato; Currículum del candidato; Título del puesto; Ubicación del puesto; "
        "País del puesto; Idioma del puesto; ID del puesto"
    ),
    "polish": (
        "ID zgłoszenia; Imię i nazwisko kandydata; Adres e-mail kandydata; Kraj kandydata; CV "
        "kandydata; Nazwa stanowiska; Lokalizacja stanowiska; Kraj stanowiska; Język "
        "stanowiska; ID stanowiska"
    ),
    "slovak": (
        "ID prihlášky; Meno uchádzača; E-mail uchádzača; Krajina uchádzača; Životopis "
        "uchádzača; Názov pozície; Miesto pozície; Krajina pozície; Jazyk pozície; ID pozície"
    ),
    "czech": (
        "ID přihlášky; Jméno uchazeče; E-mail uchazeče; Země uchazeče; Životopis uchazeče; "
        "Název pozice; Místo pozice; Země pozice; Jazyk pozice; ID pozice"
    ),
}


@pytest.mark.parametrize("language", WHOSE)
def test_whose_a_column_is_may_follow_what_it_is(language: str) -> None:
    fields = (ID, NAME, EMAIL, COUNTRY, RESUME, JOB, PLACE, JOB_COUNTRY, LANGUAGE, JOB_ID)

    mapped = map_headers(WHOSE[language].split("; "))

    assert mapped.fields == {field: column for column, field in enumerate(fields)}


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("Prénom du candidat", "Nom du candidat"),
        ("Prénom de la candidate", "Nom de famille de la candidate"),
        ("Vorname des Bewerbers", "Name des Bewerbers"),
        ("Nombre del candidato", "Apellidos del candidato"),
        ("Imię kandydata", "Nazwisko kandydata"),
        ("Meno uchádzača", "Priezvisko uchádzača"),
        ("Křestní jméno uchazeče", "Příjmení uchazeče"),
    ],
)
def test_the_parts_of_a_name_may_say_whose_they_are(first: str, last: str) -> None:
    assert map_headers([first, last]).fields == {FIRST: 0, LAST: 1}


def test_the_name_of_a_candidate_is_no_name_of_a_job() -> None:
    assert not says_of_a_job("Nom du candidat")


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("E-mial", EMAIL),
        ("Emial Adress", EMAIL),
        ("Vornahme", FIRST),
        ("Priezivsko", LAST),
        ("Stellenbezeichung", JOB),
        ("Requistion ID", JOB_ID),
        ("Kontakt-E-Mail", EMAIL),
        ("E-Mailadresse der Bewerbenden", EMAIL),
        ("Seniority", "seniority_level"),
        ("Template", "interview_template_id"),
    ],
)
def test_a_header_that_looks_like_a_field_is_offered(header: str, field: str) -> None:
    assert map_headers([header, "Country"]).offers == ((0, field),)


@pytest.mark.parametrize(
    "header",
    [
        *("Recruiter Emial", "Recruiter e-mail", "Owner email", "Referrer", "Ownr"),
        *(
            "Referee email",
            "Consultant Email",
            "Email (Referee)",
            "E-Mail Berater",
            "Agency e-mail",
        ),
        *(
            "E-mail vlastníka",
            "Courriel du conseiller",
            "Adres e-mail kierownika",
            "E-mail klienta",
        ),
        *("Phone", "Notes", "Stage", "Gender", "Location of candidate", "Video", "Company"),
        *("Expected salary", "Interview feedback", "E-mail adress"),
    ],
)
def test_nothing_is_offered_for_what_is_no_field_or_has_its_column(header: str) -> None:
    found = map_headers([header, "Name", "E-Mail"])

    assert (found.offers, found.notes) == ((), ())


@pytest.mark.parametrize(
    "header",
    [
        *(
            "Referee email",
            "Consultant Email",
            "Email (Referee)",
            "E-Mail Berater",
            "Agency e-mail",
        ),
        *(
            "E-mail vlastníka",
            "Courriel du conseiller",
            "Adres e-mail kierownika",
            "E-mail klienta",
        ),
        *("E-mail doporučitele", "Correo del entrevistador", "E-mail manažéra"),
    ],
)
def test_an_address_of_somebody_else_is_offered_to_nobody(header: str) -> None:
    assert map_headers([header, "Name"]).offers == ()
    assert EMAIL not in map_headers([header, "Name"]).fields


def test_what_map_takes_from_somebody_else_is_said() -> None:
    mapped = map_headers(["Referee email", "Name"], overrides={"Referee email": EMAIL})

    assert mapped.fields[EMAIL] == 0
    assert mapped.notes == (
        "'Referee email' is candidate_email since --map says so; by its header it is somebody "
        "else's",
    )


@pytest.mark.parametrize(
    ("cells", "fields"),
    [
        pytest.param(["Name", "E-Mail", "Stage"], 2, id="header"),
        pytest.param(["E-Mail", "Email"], 1, id="one-field-twice"),
        pytest.param(["Report of May", None, ""], 0, id="title"),
        pytest.param(["Name", "ann@example.com"], 0, id="a-row-with-an-address"),
        pytest.param([], 0, id="nothing"),
    ],
)
def test_how_much_cells_look_like_a_header(cells: list[str | None], fields: int) -> None:
    assert recognised(cells) == fields


def test_a_header_that_map_names_counts() -> None:
    assert recognised(["Wer", "Wohin"], overrides={"wer": "candidate_name"}) == 1


def test_overrides_go_to_the_inputs_that_have_the_header() -> None:
    overrides = {"Wer": "candidate_name", "Who": "candidate_name"}

    assert overrides_for(["wer", "Anruf"], overrides) == {"Wer": "candidate_name"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(["Email", "Email (work)"], {"Email": EMAIL}, id="kind"),
        pytest.param(["Email (other)", "E-mail:"], {"E-mail:": EMAIL}, id="exact-later"),
        pytest.param(["Job Title (public)", "Position"], {"Position": JOB}, id="a-better-rank"),
        pytest.param(["Email (work)", "Email (personal)"], {"Email (personal)": EMAIL}, id="kinds"),
        pytest.param(["Country (alpha-2)"], {"Country (alpha-2)": COUNTRY}, id="form"),
        pytest.param(["Country (job)", "Land"],
                     {"Country (job)": "position_country_code", "Land": COUNTRY}, id="of-the-job"),
        pytest.param(["Email", "Location [city, country]"],
                     {"Email": EMAIL, "Location [city, country]": PLACE}, id="parts"),
        pytest.param(["Email", "Location (candidate)"], {"Email": EMAIL}, id="of-the-person"),
        pytest.param(["Email", "Name (company)"], {"Email": EMAIL}, id="of-a-company"),
        pytest.param(["Email", "Resume (date)"], {"Email": EMAIL}, id="something-else-of-it"),
        pytest.param(["Name (first)", "Name (last) *"],
                     {"Name (first)": FIRST, "Name (last) *": LAST}, id="turned-round"),
        pytest.param(["Email\uff08must\uff09"], {"Email\uff08must\uff09": EMAIL}, id="wide"),
    ],
)  # fmt: skip
def test_what_stands_in_brackets_never_takes_a_field_from_another(
    headers: list[str], expected: dict[str, str]
) -> None:
    roles = column_roles(headers, map_headers(headers))

    assert {header: role for header, role in roles if role != "carried"} == expected


def test_two_headers_alike_but_for_their_brackets_are_named_both() -> None:
    with pytest.raises(InputError, match=r"'Email \(a\)' and 'Email \(b\)' both look like"):
        map_headers(["Email (a)", "Email (b)"])


def test_map_names_the_header_without_brackets_first() -> None:
    mapping = map_headers(["Email (old)", "E-Mail"], overrides={"email": "candidate_email"})

    assert mapping.fields == {"candidate_email": 1}


def test_a_header_that_is_an_error_is_no_field_and_is_said() -> None:
    """`#NAME?` would be a name, `#REF!` a reference."""
    made = map_headers(["Email", "#NAME?", "#REF!", "#NOT_CALCULATED!"])

    assert (set(made.fields), made.carried) == ({EMAIL}, (1, 2, 3))
    assert len(made.doubts) == 3
    assert not any(doubt.holds for doubt in made.doubts)
    told = map_headers(["Email", "#NAME?"], overrides={"#NAME?": NAME})
    assert (set(told.fields), told.doubts) == ({EMAIL, NAME}, ())


@pytest.mark.parametrize("beside", [FOLLOWUP_COLUMNS, LETTER_COLUMNS])
def test_a_file_of_a_look_or_of_letters_that_comes_back_leaves_its_own_columns_out(
    beside: tuple[str, ...],
) -> None:
    at = LEADING_COLUMNS.index("interview_url") + 1
    ours = [*LEADING_COLUMNS[:at], *beside, *LEADING_COLUMNS[at:]]
    headers = [*ours, "Stage", "input.score", *TECHNICAL_COLUMNS]

    carried = [headers[column] for column in map_headers(headers).carried]

    assert carried == ["Stage", "input.score"]


def test_results_that_come_back_keep_a_column_called_as_one_of_a_look() -> None:
    headers = [*LEADING_COLUMNS, "stage", "score", *TECHNICAL_COLUMNS]

    carried = [headers[column] for column in map_headers(headers).carried]

    assert carried == ["stage", "score"]
