-- Beside Prefect's database, which the image makes: the record of what was paid for.
CREATE DATABASE ledger;
