"""
Makes the export files of this folder: `python -m tests.exports.make_exports`.

Each is modelled on what one system writes or on one trap of real files; the people are invented.
XLS and ODS are converted by LibreOffice; without it those two are left as they are.
"""

import datetime as dt
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter

FOLDER = Path(__file__).parent
MADE_ON = dt.datetime(2026, 11, 1)  # noqa: DTZ001 - a workbook's date has no zone

# name → (encoding, text). Line ends and marks are as written here.
TEXTS: dict[str, tuple[str, str]] = {
    "greenhouse_candidates.csv": (
        "utf-8",
        "Candidate ID,First Name,Last Name,Email,Phone,Job,Stage,Status,Source,Recruiter,Created At\n"
        "48210017,Zoë,Brontë-O'Neil,zoe.b@example.com,+44 20 7946 0991,Nurse,Screen,Active,Indeed,"
        "Max Power,2026-10-02\n"
        '48210018,Nguyễn,Văn An,an.nguyen@example.org,0049 170 1234567,"Nurse, night shift",Review,'
        "Active,Referral,Max Power,2026-10-03\n",
    ),
    "greenhouse_several_emails.csv": (
        "utf-8",
        "First Name,Last Name,Company,Title,Notes,Email,Phone,Who gets credit,Job,Prospect Pool\n"
        'Ada,King,ACME,Engineer,,"ada@example.com; ada@example.org",1,recruiter@acme.example,Chef,A\n'
        "Jo,Roe,ACME,Painter,,jo@example.com,2,recruiter@acme.example,Chef,A\n",
    ),
    "lever_opportunities.csv": (
        "utf-8",
        "Opportunity ID,Posting ID,Posting Title,Posting State,Candidate Name,Candidate Email,Stage,"
        "Origin,Owner,Hiring Manager\n"
        "1f3a-77,p-204,Data Analyst,published,Søren Ångström,soren@example.com,New,sourced,"
        "owner@firm.example,boss@firm.example\n"
        "1f3a-78,p-204,Data Analyst,published,María-José Peña,mj@example.es,New,applied,"
        "owner@firm.example,boss@firm.example\n",
    ),
    "personio_german.csv": (
        "utf-8-sig",
        "Bewerber-ID;Bewerbungs-ID;Name;E-Mail-Adresse;Telefon;Stellenbezeichnung;Standort;Land;"
        "Bewerbungsdatum\r\n"
        "17;900;Jürgen Groß;juergen.gross@example.de;+49 30 12345;Pflegefachkraft (m/w/d);Berlin;"
        "Deutschland;01.10.2026\r\n"
        "18;901;Çiğdem Yılmaz;cigdem@example.com;+49 30 54321;Pflegefachkraft (m/w/d);Berlin;"
        "Türkei;02.10.2026\r\n",
    ),
    "personio_english.csv": (
        "utf-8",
        "Candidate ID,Candidate name,Gender,Email address,Birthday,Candidate location,Final phase,"
        "Phone number,Application ID,Application date,Application tags\n"
        "5,Ola Nordmann,,ola@example.no,1990-01-01,Oslo,,+47 2100 0000,A-1,2026-10-01,senior\n"
        "5,Ola Nordmann,,ola@example.no,1990-01-01,Oslo,,+47 2100 0000,A-2,2026-10-05,\n",
    ),
    "icims_latin1.csv": (
        "iso-8859-1",
        "Job : Requisition ID,Job: Job Title and Job Code,Person : System ID,Person : Full Name,"
        "Person : Email,Hiring Manager : Full Name: First Last,Hiring Manager : Email\n"
        "2026-1107,Infirmière - IDE01,9001,Hélène Lefèvre,helene@example.fr,François Noël,"
        "manager@hopital.example\n"
        "2026-1107,Infirmière - IDE01,9002,Benoît Crête,benoit@example.fr,François Noël,"
        "manager@hopital.example\n",
    ),
    "indeed_us.csv": (
        "utf-8",
        "name,email,phone,status,candidate location,relevant experience,education,job title,"
        "job location,date,interest level,source\n"
        "DeShawn O'Connor,deshawnoconnor7_x2c@indeedemail.com,'+1 570 555 0101,New,\"Scranton, PA\","
        'Yes,BA,Line Cook,"Scranton, PA",3/4/2026,High,Indeed\n'
        "Mary-Kate Smith,marykatesmith_q9@indeedemail.com,'+1 570 555 0102,New,\"Dunmore, PA\","
        'No,,Line Cook,"Scranton, PA",12/25/2026,Low,Indeed\n',
    ),
    "linkedin_recruiter.csv": (
        "utf-8-sig",
        "First name;Last name;Email;Phone number;Job title;Company;Location;Pipeline stage;Note;"
        "Note visibility\r\n"
        "Ines;Conceição;ines@example.pt;+351 21 000;CTO;Padaria Lda;Lisboa;Contacted;;private\r\n"
        "Tiago;Araújo;tiago@example.pt;;Chef;Peixe SA;Porto;Replied;;private\r\n",
    ),
    "linkedin_talent_hub.csv": (
        "utf-8",
        "candidate_id,project_id,first_name,last_name,emails,phone_numbers,profile_url,"
        "sourcing_channels,created_time\n"
        "c-1,9,Wei,Chen,wei.chen@example.com,,http://www.linkedin.com/in/wei-chen?trk=p,A,"
        "1760000000000\n"
        "c-2,9,Li,Na,lina@example.com;li.na@example.cn,,linkedin.com/in/lina/,A,1760000000001\n"
        "c-3,9,Sam,Poe,,,https://www.linkedin.com/in/sampoe,S,1760000000002\n",
    ),
    "linkedin_connections.csv": (
        "utf-8",
        "Notes:\n"
        '"When exporting your connection data, you may notice that some of the email addresses are '
        'missing. You will only see email addresses for connections who have allowed it."\n'
        "\n"
        "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
        "Kofi,Mensah,https://www.linkedin.com/in/kofi,kofi@example.gh,Gold Ltd,CEO,02 Oct 2026\n"
        "Ama,Owusu,https://www.linkedin.com/in/ama,,Gold Ltd,CFO,03 Oct 2026\n",
    ),
    "workable_template.csv": (
        "utf-8",
        "Candidate import,,,,,admin@firm.example\n"
        "Name,Email,Phone,Headline,Address,Job\n"
        "Fill in one candidate per row,required,optional,optional,optional,optional\n"
        "Grace Hopper,grace@example.com,+1 555 0100,Admiral,,Engineer\n",
    ),
    "trakstar_report.csv": (
        "utf-8",
        "Candidate Name,Candidate Email,Source Type,Source,Referrer,Candidate Phone,Archived?,"
        "Opening ID,Opening\n"
        "Lucía Gómez,lucia@example.com,Board,Indeed,Not Available,Not Available,No,77,Cashier\n"
        "Not Available,noname@example.com,Board,Indeed,ref@example.com,+1 555 0101,No,77,Cashier\n",
    ),
    "recruiterbox_stages.csv": (
        "utf-8",
        "Candidate ID,Candidate Name,Candidate Email,Candidate Phone,Opening ID,Opening,Stage\n"
        "31,Raj Patel,raj@example.in,+91 98 0000,12,Welder,Applied\n"
        "31,Raj Patel,raj@example.in,+91 98 0000,12,Welder,Phone screen\n",
    ),
    "clearcompany.csv": (
        "utf-8",
        "Candidate ID,Candidate First Name,Candidate Last Name,Candidate Email,Candidate Grade,"
        "Current Workflow Stage,Role,Requisition Title\n"
        "66,Siobhán,Ní Bhriain,siobhan@example.ie,B,New,Hiring,Care Assistant\n",
    ),
    "applitrack.txt": (
        "cp1252",
        "Applicant Number\tEmail Address\tFirst Name\tMiddle Initial\tLast Name\tOther First Name\t"
        "Area Code\t7 digit Phone\tEndOfHeader\r\n"
        "0042\tpenelope@example.com\tPénélope\tQ\tSmith\t\t570\t5550101\t\r\n"
        "0043\tjose@example.com\tJosé\t\tMuñoz\t\t570\t5550102\t\r\n",
    ),
    "hirevue_import.csv": (
        "utf-8",
        "First name,Last name,Recruiter email,Email,Phone,Mobile Phone,City,country\n"
        "Tove,Jansson,hr@firm.example,tove@example.fi,1,2,Helsinki,Finland\n"
        "Aki,Kaurismäki,hr@firm.example,aki@example.fi,1,2,Helsinki,FIN\n"
        "Nobody,Wrote,hr@firm.example,,1,2,Helsinki,Suomi\n",
    ),
    "peopleforce.csv": (
        "utf-8",
        "full_name,email,gender,skills,phone_numbers,linkedin_url,position,location,created_by_id\n"
        "Олена Шевченко,olena@example.ua,f,sql,+380 44,https://ua.linkedin.com/in/olena,Аналітик,"
        "Київ,7\n",
    ),
    "erecruiter_german.csv": (
        "utf-8-sig",
        "Vorname;Nachname;E-Mail;Stelle;Status;Datum;Lebenslauf\r\n"
        'Käthe;Weiß;kaethe@example.de;Köchin;offen;31.10.2026;"Köchin, 5 Jahre.\n\nSpricht Deutsch."\r\n'
        "Ömer;Öz;oemer@example.de;Köchin;offen;01.11.2026;Koch\r\n",
    ),
    "slovak_windows1250.csv": (
        "cp1250",
        "Meno;Priezvisko;E-mail;Telefón;Pozícia;Krajina;Jazyk pohovoru;Zodpovedný náborár\r\n"
        "Šimon;Ďurica;simon@example.sk;+421 900 1;Účtovník;Slovensko;slovenčina;nabor@firma.example\r\n"
        "Ľubomír;Žáček;lubomir@example.sk;+421 900 2;Účtovník;Česko;čeština;nabor@firma.example\r\n",
    ),
    "czech_latin2.csv": (
        "iso8859-2",
        "Jméno;Příjmení;E-mailová adresa;Název pozice;Země;Jazyk\n"
        "Jiří;Dvořák;jiri@example.cz;Řidič;Česká republika;čeština\n"
        "Růžena;Němcová;ruzena@example.cz;Řidič;ČR;angličtina\n",
    ),
    "polish_windows1250.csv": (
        "cp1250",
        "Imię;Nazwisko;Adres e-mail;Stanowisko;Miejsce pracy;Kraj\r\n"
        "Łukasz;Wiśniewski;lukasz@example.pl;Księgowy;Łódź;Polska\r\n"
        "Żaneta;Ćwikła;zaneta@example.pl;Księgowy;Łódź;Niemcy\r\n",
    ),
    "french_windows1252.csv": (
        "cp1252",
        "Prénom;Nom;Courriel;Intitulé du poste;Pays;E-mail du recruteur\r\n"
        "Élodie;Lefèvre;elodie@example.fr;Chef de projet – bâtiment;France;rh@firme.example\r\n"
        "Agnès;Bézier;agnes@example.be;Chef de projet – bâtiment;Belgique;rh@firme.example\r\n",
    ),
    "spanish.csv": (
        "utf-8",
        "Nombre,Apellidos,Correo electrónico,Puesto,País,Correo del reclutador\n"
        "José Ángel,Muñoz Íñiguez,jose@example.es,Camarero,España,rrhh@bar.example\n"
        "Begoña,Ibarra,begona@example.mx,Camarero,México,rrhh@bar.example\n",
    ),
    "italian.csv": (
        "utf-8",
        "Nome;Cognome;Indirizzo e-mail;Posizione;Paese;Lingua del colloquio\n"
        "Niccolò;Dell'Acqua;niccolo@example.it;Cuoco;Italia;italiano\n"
        "Zoé;D'Aosta;zoe@example.it;Cuoco;Svizzera;francese\n",
    ),
    "portuguese.csv": (
        "utf-8",
        "Nome completo;E-mail;Vaga;País;Idioma da entrevista\n"
        "João da Conceição;joao@example.br;Gerente;Brasil;Português (Brasil)\n"
        "Inês Simões;ines@example.pt;Gerente;Portugal;Português\n",
    ),
    "dutch.csv": (
        "utf-8",
        "Voornaam;Achternaam;E-mailadres;Functie;Land;E-mail recruiter\n"
        "Anneloes;van 't Hof;anneloes@example.nl;Verpleegkundige;Nederland;hr@zorg.example\n",
    ),
    "excel_unicode_text.txt": (
        "utf-16",
        "Name\tE-Mail\tJob Title\r\nЮлия Петрова\tyulia@example.com\tАккаунт-менеджер\r\n"
        "佐藤 花子\thanako@example.jp\t通訳\r\n",
    ),
    "utf16_big_endian.csv": (
        "utf-16-be",
        "\ufeffName;E-Mail;Job Title\r\nΓιώργος Παπάς;giorgos@example.gr;Μάγειρας\r\n",
    ),
    "line_breaks.csv": (
        "utf-8",
        "name,email,resume\n"
        'Ann Lee,ann@example.com,"First line\r\n\r\nSecond ""quoted"" line"\n'
        "\n"
        "Jo Roe,jo@example.com,a bare\rreturn in the cell\n"
        'Mo Poe,mo@example.com,"last, with a comma"',
    ),
    "ragged_rows.csv": (
        "utf-8",
        "name,email,team\n"
        "Ann Lee,ann@example.com,blue\n"
        "Lee, Jo,jo@example.com,blue\n"
        "Short Row,short@example.com\n"
        "Mo Poe,mo@example.com,red" + ",extra" * 30 + "\n"
        "Last One,last@example.com,red\n",
    ),
    "trailing_separators.csv": (
        "utf-8",
        "name;email;job title;;\nAnn Lee;ann@example.com;Nurse;;\nJo Roe;jo@example.com;Nurse;;\n",
    ),
    "nul_byte.csv": ("utf-8", "name,email\nAnn\x00 Lee,ann@example.com\nJo Roe,jo@example.com\n"),
    "excel_sep_line.csv": (
        "utf-8-sig",
        "sep=|\r\nname|email|job title\r\nAnn; Lee|ann@example.com|Nurse, night\r\n",
    ),
    "open_quote.csv": (
        "utf-8",
        'name,email\nAnn Lee,ann@example.com\n"Jo Roe,jo@example.com\nMo Poe,mo@example.com\n',
    ),
    "two_emails_columns.csv": (
        "utf-8",
        "Name,Email,E-Mail\nAnn Lee,ann@example.com,ann@example.org\n",
    ),
    "headers_differ_by_case.csv": (
        "utf-8",
        "Name,Email,EMAIL \nAnn Lee,ann@example.com,ann@example.org\n",
    ),
    "recruiter_address_first.csv": (
        "utf-8",
        "Recruiter,Recruiter's e-mail,E-mail,Name,Referred by\n"
        "Max Power,max@firm.example,ann@example.com,Ann Lee,ref@firm.example\n"
        "Max Power,max@firm.example,,Jo Roe,ref@firm.example\n",
    ),
    "recruiter_address_only.csv": (
        "utf-8",
        "Name,Recruiter email,Hiring Manager Email\n"
        "Ann Lee,max@firm.example,boss@firm.example\n",
    ),
    "apostrophes.csv": (
        "utf-8",
        "name,email,external id,resume,phone\n"
        "'=Ann Lee,ann@example.com,'007,'- nurse,'+49 170\n"
        "O'Neil,oneil@example.com,5.55E+09,'t Hoen,'0049\n",
    ),
    "ambiguous_countries.csv": (
        "utf-8",
        "name,email,country\n"
        "Ann Lee,ann@example.com,Congo\n"
        "Jo Roe,jo@example.com,Guinea\n"
        "Mo Poe,mo@example.com,South Korea\n"
        "Bo Foe,bo@example.com,Korea\n",
    ),
    "dates_day_first.csv": (
        "utf-8",
        "name,email,interview_available_till\n"
        "Ann Lee,ann@example.com,03/04/2027\n"
        "Jo Roe,jo@example.com,25/04/2027\n"
        "Mo Poe,mo@example.com,2027-04-01 18:00\n",
    ),
    "dates_undecided.csv": (
        "utf-8",
        "name,email,interview_available_till\n"
        "Ann Lee,ann@example.com,03/04/2027\n"
        "Jo Roe,jo@example.com,31.12.2027\n"
        "Mo Poe,mo@example.com,04/04/2027\n",
    ),
    "addresses.csv": (
        "utf-8",
        "name,email\n"
        "Case,ANN@Example.COM\n"
        'Wrapped,"Lee, Ann <ann.lee@example.com>"\n'
        "Link,mailto:jo@example.com\n"
        "Unicode,jana@bücher.example\n"
        "Hidden,mo\u200b@example.com\n"
        "Slip,bo@gmial.com\n"
        "Nothing,n/a\n"
        "Words,see above\n",
    ),
}  # fmt: skip

BYTES: dict[str, bytes] = {
    "undecodable_byte.csv": "name,email\nJürgen Groß,j@example.com\nAnn L".encode()
    + b"\xe9e,ann@example.com\n",
}

Cells = dict[str, Any]


def people_sheet(top: int, count: int = 2) -> Cells:
    """A header in row *top* and rows below."""
    rows = [("Name", "E-Mail", "Job Title")]
    rows += [(f"Person {n}", f"person{n}@example.com", "Nurse") for n in range(1, count + 1)]
    return {
        f"{column}{top + i}": cell
        for i, row in enumerate(rows)
        for column, cell in zip("ABC", row, strict=True)
    }


def write_workbook(path: Path, sheets: dict[str, Cells], *, also: Callable[..., None]) -> None:
    """A workbook with the cells of each sheet, and what *also* does to it."""
    workbook = xlsxwriter.Workbook(
        str(path), {"strings_to_formulas": False, "strings_to_urls": False}
    )
    workbook.set_properties({"created": MADE_ON})
    for name, cells in sheets.items():
        sheet = workbook.add_worksheet(name)
        for place, value in cells.items():
            sheet.write(place, value)
    also(workbook)
    workbook.close()


def nothing(_: Any) -> None:
    """No more than the cells."""


def merged_title(workbook: Any) -> None:
    bold = workbook.add_format({"bold": True})
    workbook.get_worksheet_by_name("May").merge_range("A1:C1", "Candidates of May 2026", bold)


def formats(workbook: Any) -> None:
    sheet = workbook.get_worksheet_by_name("People")
    day = workbook.add_format({"num_format": "dd.mm.yyyy"})
    moment = workbook.add_format({"num_format": "dd.mm.yyyy hh:mm"})
    digits = workbook.add_format({"num_format": "00000"})
    header = ["External ID", "Name", "E-Mail", "interview_available_till", "instructional_video",
              "max_duration", "Badge"]  # fmt: skip
    sheet.write_row("A1", header)
    sheet.write_string("A2", "007")
    sheet.write_formula("B2", '="Ann "&"Lee"', None, "Ann Lee")
    sheet.write_string("C2", "ann@example.com")
    sheet.write_datetime("D2", dt.datetime(2027, 3, 4), day)  # noqa: DTZ001
    sheet.write_boolean("E2", True)
    sheet.write_number("F2", 1200)
    sheet.write_number("G2", 42, digits)
    sheet.write_number("A3", 8, digits)
    sheet.write_string("B3", "Jo Roe")
    sheet.write_string("C3", "jo@example.com")
    sheet.write_datetime("D3", dt.datetime(2027, 3, 4, 18, 30), moment)  # noqa: DTZ001
    sheet.write_boolean("E3", False)
    sheet.write_number("F3", 900.5)
    sheet.write_number("G3", 12345, digits)


def zeros(workbook: Any) -> None:
    """Ids in number cells that their format shows with leading zeros."""
    sheet = workbook.get_worksheet_by_name("People")
    digits = workbook.add_format({"num_format": "000000"})
    sheet.write_row("B3", ["Candidate ID", "Name", "E-Mail", "Job ID", "Job Title"])
    sheet.write_row("B4", ["", "Ann Lee", "ann@example.com", 77, "Nurse"])
    sheet.write_row("B5", ["", "Jo Roe", "jo@example.com", "", "Cook"])
    sheet.write_number("B4", 123, digits)
    sheet.write_number("B5", 1234567, digits)
    sheet.write_number("E5", 78, digits)


def hidden_lists(workbook: Any) -> None:
    workbook.get_worksheet_by_name("Lists").hide()


def long_ids() -> Cells:
    """Ids of more digits than a spreadsheet keeps of a number; as text it keeps them all."""
    rows = [
        ("Candidate ID", "Name", "E-Mail", "Job ID", "Job Title"),
        (1234567890123456, "Ann Lee", "ann@example.com", 1.23456789012345e17, "Nurse"),
        (900719925474099, "Jo Roe", "jo@example.com", "123456789012345678", "Cook"),
        ("9007199254740993", "Max Poe", "max@example.com", 1.23456789012345e17, "Porter"),
    ]
    return {
        f"{column}{number}": cell
        for number, row in enumerate(rows, start=3)
        for column, cell in zip("BCDEF", row, strict=True)
    }


WORKBOOKS: dict[str, tuple[dict[str, Cells], Callable[..., None]]] = {
    "titles_and_totals.xlsx": (
        {"May": people_sheet(3) | {"A7": "Jo Roe", "B7": "jo@example.com", "C7": "Nurse",
                                   "A9": "Total", "B9": 3}},
        merged_title,
    ),
    "several_sheets.xlsx": (
        {
            "Cover": {},
            "Read me": {"A1": "Please fill in the sheet People", "A2": "Thank you"},
            "People": people_sheet(1),
            "Lists": {"A1": "Country", "A2": "Slovakia", "A3": "Czechia"},
        },
        hidden_lists,
    ),
    "cell_formats.xlsx": ({"People": {}}, formats),
    "long_ids.xlsx": ({"People": long_ids()}, nothing),
    "zero_ids.xlsx": ({"People": {}}, zeros),
}  # fmt: skip
CONVERTED = {
    "old_excel.xls": "several_sheets.xlsx",
    "libreoffice.ods": "titles_and_totals.xlsx",
    "long_ids.xls": "long_ids.xlsx",
    "zero_ids.xls": "zero_ids.xlsx",
    "long_ids.ods": "long_ids.xlsx",
}

NESTED: list[dict[str, Any]] = [
    {
        "application_id": "a-1",
        "candidate": {"name": "Ann Lee", "emails": ["ann@example.com"], "country": "SK"},
        "custom_scoring": {"motivation": 2},
        "tags": ["night", "icu"],
        "score": 4.0,
    },
    {
        "application_id": "a-2",
        "candidate": {
            "name": "Jo Roe",
            "emails": ["jo@example.com", "j@example.org"],
            "country": None,
        },
        "custom_scoring": {"motivation": 1},
        "tags": [],
        "score": 3.5,
    },
]


def make_all() -> None:
    """Write every file."""
    for name, (encoding, text) in TEXTS.items():
        (FOLDER / name).write_bytes(text.encode(encoding))
    for name, content in BYTES.items():
        (FOLDER / name).write_bytes(content)
    for name, (sheets, also) in WORKBOOKS.items():
        write_workbook(FOLDER / name, sheets, also=also)
    for name, original in CONVERTED.items():
        convert(FOLDER / original, FOLDER / name)
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in NESTED)
    (FOLDER / "nested.ndjson").write_text(lines, encoding="utf-8")
    pl.DataFrame(NESTED).with_columns(
        pl.Series("applied", [dt.date(2026, 10, 1), None]),
        pl.Series("stage", ["new", "new"], pl.Categorical),
    ).write_parquet(FOLDER / "typed_columns.parquet")


def convert(original: Path, target: Path) -> None:
    """*original* as LibreOffice saves it in the format of *target*."""
    soffice = shutil.which("soffice")
    if soffice is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [soffice, f"-env:UserInstallation=file://{folder}/profile", "--headless",
             "--convert-to", target.suffix[1:], "--outdir", folder, str(original)],
            check=True,
            capture_output=True,
            timeout=120,
        )  # fmt: skip
        made = Path(folder) / f"{original.stem}{target.suffix}"
        target.write_bytes(made.read_bytes())


if __name__ == "__main__":
    make_all()
