"""
The plain job that reading is measured against: what anybody writes with polars alone.

`python benchmarks/polars_job.py IN OUT`: scan, strip and lower the e-mail, tidy name and résumé,
sink to Parquet with lz4, count the distinct addresses.
"""

import sys
from pathlib import Path

import polars as pl

EMAIL = "Email Address"
TEXTS = ("Candidate Name", "Resume")


def main(source: Path, target: Path) -> None:
    """Do it, and print how many addresses there are."""
    is_csv = source.suffix == ".csv"
    frame = pl.scan_csv(source, infer_schema=False) if is_csv else pl.scan_parquet(source)
    tidy = [pl.col(name).str.replace_all(r"\s+", " ").str.strip_chars() for name in TEXTS]
    clean = frame.with_columns(pl.col(EMAIL).str.strip_chars().str.to_lowercase(), *tidy)
    clean.sink_parquet(target, compression="lz4")
    counted = pl.scan_parquet(target).select(pl.col(EMAIL).n_unique())
    print(counted.collect(engine="streaming").item())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
